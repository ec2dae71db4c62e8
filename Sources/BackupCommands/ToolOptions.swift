import ArgumentParser
import BackupModel
import Foundation

/// Where an engine's tools are: shared by jobs and restores.
struct ToolPlaceOptions: ParsableArguments {
    @Option(
        name: .customLong("tools-dir"),
        help: "Folder with mongodump and mongorestore (default: the folders of PATH).")
    var toolsDirectory: String?

    @Option(
        name: .customLong("mongo-version"), help: "Engine docker: tools of the image mongo:VERSION, for example 8.0.")
    var mongoVersion: String?

    @Option(name: .customLong("image"), help: "Engine docker: tools of this image.")
    var image: String?

    @Option(
        name: .customLong("container-runtime"),
        help: "Engine docker: \(ContainerRuntime.allCases.map(\.rawValue).joined(separator: " or ")) (default: docker)."
    )
    var runtime: ContainerRuntime?

    @Option(name: .customLong("container-network"), help: "Engine docker: the container's network, for example host.")
    var network: String?

    @Option(
        name: .customLong("extra-tool-arg"), parsing: .unconditionalSingleValue,
        help: "One more argument for the tool, as --option=value (repeatable); no secrets.")
    var extraArguments: [String] = []

    /// Puts what was given into a place; what was not given stays.
    func apply(to place: inout ToolPlace) throws {
        if let toolsDirectory {
            guard !toolsDirectory.isEmpty else { throw BackupError(.usage, "cannot use an empty --tools-dir") }
            place.toolsDirectory = URL(filePath: toolsDirectory).standardizedFileURL.path(percentEncoded: false)
        }
        guard mongoVersion == nil || image == nil else {
            throw BackupError(.usage, "cannot use both --mongo-version and --image")
        }
        if let mongoVersion { place.image = try ToolPlace.image(ofVersion: mongoVersion) }
        if let image { place.image = image }
        if let runtime { place.runtime = runtime }
        if let network { place.network = network }
    }
}

extension ContainerRuntime: ExpressibleByArgument {}
extension ReadPreference: ExpressibleByArgument {}

/// How a job's documents are read.
struct DumpSettingOptions: ParsableArguments {
    @Option(
        name: [.customLong("read-preference"), .customLong("readPreference")],
        help:
            "Read from: \(ReadPreference.allCases.map(\.rawValue).joined(separator: ", ")) (default: as the URI says).")
    var readPreference: ReadPreference?

    @Option(
        name: .customLong("query"), help: "Of one collection, only documents that match this filter (Extended JSON).")
    var query: String?

    @Flag(
        name: .customLong("oplog"), inversion: .prefixedNo,
        help:
            "Take the oplog along, so that a restore can bring all to one moment (whole replica sets, mongodump only).")
    var oplog: Bool?

    @Option(
        name: [.customLong("parallel-collections"), .customLong("numParallelCollections")],
        help: "How many collections mongodump reads at once (default: its own, 4).")
    var parallelCollections: Int?

    func apply(to options: inout DumpOptions) {
        if let readPreference { options.readPreference = readPreference }
        if let query { options.query = query }
        if let oplog { options.oplog = oplog }
        if let parallelCollections { options.parallelCollections = parallelCollections }
    }
}

/// How mongorestore goes about a restore.
struct LoadSettingOptions: ParsableArguments {
    @Option(
        name: [.customLong("parallel-collections"), .customLong("numParallelCollections")],
        help: "How many collections mongorestore writes at once (default: its own, 4).")
    var parallelCollections: Int?

    @Option(
        name: [.customLong("insertion-workers"), .customLong("numInsertionWorkersPerCollection")],
        help: "How many connections insert: mongorestore's per collection (default: 1), or the built-in engine's (4).")
    var insertionWorkers: Int?

    @Option(
        name: [.customLong("write-concern"), .customLong("writeConcern")],
        help: "Write concern (default: that of the URI, or majority); unacknowledged ones are refused.")
    var writeConcern: String?

    @Flag(
        name: [.customLong("preserve-uuid"), .customLong("preserveUUID")],
        help: "Give collections the ids that they had; needs --existing drop, and no renaming.")
    var preserveUUID = false

    @Flag(
        name: [.customLong("maintain-insertion-order"), .customLong("maintainInsertionOrder")],
        help: "Insert in the archive's order, and stop at the first document that cannot be inserted.")
    var maintainInsertionOrder = false

    @Flag(
        name: [.customLong("oplog-replay"), .customLong("oplogReplay")],
        help: "Apply the oplog of the archive, which brings all to one moment; with no selection and no renaming.")
    var oplogReplay = false

    func options(extraArguments: [String]) -> LoadOptions {
        LoadOptions(
            parallelCollections: parallelCollections, insertionWorkers: insertionWorkers, writeConcern: writeConcern,
            preservesUUID: preserveUUID, maintainsOrder: maintainInsertionOrder, replaysOplog: oplogReplay,
            extraArguments: extraArguments)
    }
}
