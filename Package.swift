// swift-tools-version: 6.2

import PackageDescription

let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .treatAllWarnings(as: .error),
]

// A target imports only targets above it; each C library has exactly one importer (ARCHITECTURE.md).
let package = Package(
    name: "backupctl",
    products: [
        .executable(name: "backupctl", targets: ["backupctl"])
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        // What Hummingbird is made of, as far as its limits are set here.
        .package(url: "https://github.com/apple/swift-log.git", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio.git", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-extras.git", from: "1.35.2"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    ],
    targets: [
        .systemLibrary(name: "CMongoc", pkgConfig: "libmongoc-1.0", providers: [.apt(["libmongoc-dev"])]),
        .systemLibrary(name: "CDeflate", pkgConfig: "libdeflate", providers: [.apt(["libdeflate-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        // The only importer of ISA-L (libisal-dev).
        .target(name: "CIgzip", linkerSettings: [.linkedLibrary("isal")]),
        .target(name: "CLinux"),
        .target(name: "CProcess"),
        .target(name: "BackupModel", swiftSettings: strict),
        .target(
            name: "MongoArchive", dependencies: ["BackupModel", "CIgzip"], exclude: ["FORMAT.md"], swiftSettings: strict
        ),
        .target(
            name: "BackupPipeline",
            dependencies: [
                "BackupModel", "MongoArchive", "CDeflate", "CIgzip", "CLinux", "CZlib",
                .product(name: "Crypto", package: "swift-crypto"),
            ],
            swiftSettings: strict),
        .target(
            name: "BackupEngines",
            dependencies: ["BackupModel", "MongoArchive", "BackupPipeline", "CMongoc", "CProcess"],
            swiftSettings: strict),
        .target(
            name: "BackupStorage",
            dependencies: ["BackupModel", "MongoArchive", "BackupPipeline", "CLinux"],
            exclude: ["FORMAT.md"], swiftSettings: strict),
        .target(
            name: "Migrations",
            path: "Migrations",
            resources: [
                .embedInCode("V0001_initial.sql"), .embedInCode("V0002_add_job_engine_settings.sql"),
                .embedInCode("V0003_retention.sql"), .embedInCode("V0004_schedules.sql"),
                .embedInCode("V0005_indexes_for_old_history.sql"),
            ],
            swiftSettings: strict),
        .target(
            name: "BackupCatalog",
            dependencies: [
                "BackupModel", "Migrations",
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "Crypto", package: "swift-crypto"),
            ],
            swiftSettings: strict),
        .target(
            name: "BackupOperations",
            dependencies: [
                "BackupModel", "MongoArchive", "BackupPipeline", "BackupEngines", "BackupStorage", "BackupCatalog",
                "CLinux",
                .product(name: "Yams", package: "Yams"),
            ],
            swiftSettings: strict),
        .target(
            name: "BackupDaemon",
            dependencies: [
                "BackupModel", "BackupCatalog", "BackupOperations",
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
            ],
            swiftSettings: strict),
        .target(
            name: "BackupCommands",
            dependencies: [
                "BackupModel", "MongoArchive", "BackupPipeline", "BackupEngines", "BackupCatalog", "BackupOperations",
                "BackupDaemon",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict),
        .executableTarget(name: "backupctl", dependencies: ["BackupCommands"], swiftSettings: strict),
        .testTarget(
            name: "BackupModelTests", dependencies: ["BackupModel"], exclude: ["Fixtures"], swiftSettings: strict),
        .testTarget(
            name: "MongoArchiveTests", dependencies: ["BackupModel", "MongoArchive", "CZlib"], exclude: ["Fixtures"],
            swiftSettings: strict),
        .testTarget(
            name: "BackupPipelineTests",
            dependencies: ["BackupModel", "MongoArchive", "BackupPipeline", "CIgzip", "CLinux"],
            exclude: ["Fixtures"], swiftSettings: strict),
        .testTarget(
            name: "BackupEnginesTests",
            dependencies: ["BackupModel", "MongoArchive", "BackupPipeline", "BackupEngines", "BackupTestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "BackupStorageTests",
            dependencies: ["BackupModel", "MongoArchive", "BackupPipeline", "BackupStorage"],
            exclude: ["Fixtures"], swiftSettings: strict),
        .testTarget(
            name: "BackupCatalogTests",
            dependencies: [
                "BackupModel", "Migrations", "BackupCatalog", .product(name: "GRDB", package: "GRDB.swift"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "BackupOperationsTests",
            dependencies: [
                "BackupModel", "MongoArchive", "BackupPipeline", "BackupEngines", "BackupStorage", "BackupCatalog",
                "BackupOperations", "CLinux", .product(name: "GRDB", package: "GRDB.swift"),
            ],
            exclude: ["Fixtures"], swiftSettings: strict),
        .testTarget(
            name: "BackupDaemonTests",
            dependencies: [
                "BackupModel", "MongoArchive", "BackupPipeline", "BackupEngines", "BackupCatalog", "BackupOperations",
                "BackupDaemon", "CLinux", .product(name: "GRDB", package: "GRDB.swift"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "BackupCommandsTests",
            dependencies: [
                "BackupModel", "BackupOperations", "BackupCommands",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict),
        .target(
            name: "BackupTestSupport", dependencies: ["BackupModel", "MongoArchive", "BackupEngines"],
            path: "Tests/BackupTestSupport", exclude: ["FakeTools"], swiftSettings: strict),
        // The daemon under a clock that runs faster, for the tests that kill it.
        .executableTarget(
            name: "DaemonHost", dependencies: ["BackupModel", "BackupOperations", "BackupDaemon"],
            path: "Tests/DaemonHost", swiftSettings: strict),
        .testTarget(
            name: "IntegrationTests",
            dependencies: ["BackupModel", "MongoArchive", "BackupEngines", "BackupTestSupport", "DaemonHost"],
            swiftSettings: strict),
    ],
    swiftLanguageModes: [.v6]
)
