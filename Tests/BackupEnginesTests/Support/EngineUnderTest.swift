import Foundation
import Testing

@testable import BackupEngines
import BackupModel
import BackupTestSupport

/// The engines that the conformance suite is for, each with what it needs.
enum EngineUnderTest: String, CaseIterable, CustomTestStringConvertible {
    case builtin
    /// The stand-ins of `BackupTestSupport/FakeTools`, which do the real thing with the real server.
    case standIn = "stand-in"
    case tools
    case container

    var testDescription: String { rawValue }

    var isAvailable: Bool {
        guard TestServer.isAvailable else { return false }
        return switch self {
        case .builtin: true
        case .standIn: ToolScratch.hasKeeper && FakeTools.isAvailable
        case .tools: ToolScratch.hasKeeper && TestServer.hasTools
        case .container: ToolScratch.hasKeeper && Self.image != nil
        }
    }

    /// An image with the tools in it, on this machine.
    static var image: String? { ProcessInfo.processInfo.environment["BACKUPCTL_TEST_IMAGE"] }
    static let imageSkipReason: Comment =
        "needs BACKUPCTL_TEST_IMAGE, a local image for podman that holds the MongoDB tools"

    static let available = allCases.filter(\.isAvailable)

    func make(for use: MongodumpEngine.Use, _ scratch: ToolScratch) throws -> any Engine {
        switch self {
        case .builtin: return engine
        case .standIn:
            let tools = try FakeTools(in: scratch.fixture)
            return try MongodumpEngine.local(
                for: use, directory: tools.folder.path, surroundings: ToolScratch.surroundings(scratch), check: {})
        case .tools:
            return try MongodumpEngine.local(
                for: use, directory: TestServer.toolsFolder, surroundings: ToolScratch.surroundings(scratch), check: {})
        case .container:
            let place = ToolPlace(image: Self.image, runtime: .podman, network: "host")
            return try MongodumpEngine.container(
                for: use, place: place, surroundings: ToolScratch.surroundings(scratch), check: {})
        }
    }
}
