import ArgumentParser
import BackupCatalog
import BackupModel
import BackupOperations

struct CatalogCheckCommand: RunnableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Check the catalog, and that it and the repositories agree.",
        discussion: """
            Reads every row and compares its digest, and looks for manifests without archives, archives without \
            manifests, snapshots that are in one of catalog and repository only. Changes and deletes nothing. Exit \
            status 1: something is wrong.
            """)

    @OptionGroup var options: GlobalOptions

    mutating func perform() throws -> Int32 {
        let workspace = try options.openWorkspace()
        let result = try CheckCatalog(workspace: workspace).run()
        try options.output.render(json(result), text: text(result))
        return result.isSound ? 0 : 1
    }

    private func json(_ result: CheckCatalog.Result) -> JSONValue {
        .object([
            "sound": JSONValue(result.isSound), "rows": JSONValue(result.catalog.rows),
            "damagedRows": .array(
                result.catalog.damagedRows.map {
                    .object(["table": .string($0.table), "key": .string($0.key), "reason": .string($0.reason)])
                }),
            "problems": JSONValue(result.catalog.problems),
            "findings": .array(
                result.findings.map {
                    .object([
                        "kind": .string($0.kind.rawValue), "repository": .string($0.repository),
                        "snapshot": JSONValue($0.snapshot), "path": .string($0.path),
                    ])
                }),
        ])
    }

    private func text(_ result: CheckCatalog.Result) -> String {
        var lines = result.catalog.problems.map { "the catalog: \($0.escapedForDisplay)" }
        lines += result.catalog.damagedRows.map { "\($0)".escapedForDisplay }
        lines += result.findings.map { "'\($0.path.escapedForDisplay)': \(Self.words($0.kind))" }
        let rows = Format.count(Int64(result.catalog.rows), "row")
        lines.append(
            result.isSound
                ? "\(rows) read; catalog and repositories are whole and agree"
                : "\(rows) read; \(lines.count) found to be wrong, nothing was changed")
        return lines.joined(separator: "\n")
    }

    private static func words(_ kind: CheckCatalog.Finding.Kind) -> String {
        switch kind {
        case .manifestWithoutArchive: "a manifest whose archive is gone"
        case .archiveWithoutManifest: "an archive without a manifest"
        case .unlisted: "a snapshot that the catalog does not list"
        case .missing: "listed, and neither its archive nor its manifest is there"
        case .otherManifest: "a manifest other than the one that the catalog knows"
        case .otherLength: "an archive of another length than the catalog says"
        case .repositoryUnavailable: "a repository that cannot be opened"
        }
    }
}
