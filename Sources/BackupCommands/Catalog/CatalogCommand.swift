import ArgumentParser

struct CatalogCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "catalog",
        abstract: "The catalog itself: jobs, history and snapshots in SQLite.",
        subcommands: [CatalogCheckCommand.self]
    )
}
