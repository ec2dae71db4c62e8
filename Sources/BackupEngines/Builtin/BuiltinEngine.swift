package import BackupModel
package import BackupPipeline

/// The engine of our own: libmongoc on the one side, the archive's reader and writer on the other. Needs no tools.
package struct BuiltinEngine: Engine {
    package let identity: EngineIdentity

    /// `version` is this program's, as the archive's header and the history name it.
    package init(version: String) {
        identity = EngineIdentity(name: "builtin", version: version)
    }

    package func dump(
        _ request: DumpRequest, into sink: any ByteSink, monitor: any RunMonitor
    ) throws -> DumpReport {
        try BuiltinDump(request, toolVersion: "backupctl \(identity.version)", monitor: monitor).run(into: sink)
    }

    package func restore(
        _ request: RestoreRequest, monitor: any RunMonitor, feed: (any ByteSink) throws -> Void
    ) throws -> RestoreReport {
        try BuiltinRestore(request, monitor: monitor).run(feed: feed)
    }
}
