package import BackupEngines
package import BackupModel

/// What an engine is wanted for.
package struct EngineOrder: Sendable {
    package var choice: EngineChoice
    package var use: MongodumpEngine.Use
    package var place: ToolPlace
    /// The first option that only the tools know.
    package var optionForToolsOnly: String?
    /// Whether nothing but the tools can do what is asked; options of convenience are left out instead.
    package var needsTools: Bool
    /// Whether a password must reach the engine.
    package var holdsSecret: Bool
    package var progress: RunProgress

    /// For a dump. `uri` is a secret.
    init(choice: EngineChoice, settings: EngineSettings, uri: String, progress: RunProgress) {
        self.choice = choice
        use = .dump
        place = settings.place
        optionForToolsOnly = settings.optionForToolsOnly
        needsTools = settings.dump.oplog
        holdsSecret = (try? MongoURI(uri))?.holdsSecret ?? false
        self.progress = progress
    }

    /// For a restore.
    init(choice: EngineChoice, restoring options: LoadOptions, place: ToolPlace, uri: String, progress: RunProgress) {
        self.choice = choice
        use = .restore
        self.place = place
        optionForToolsOnly = options.optionForToolsOnly
        needsTools = options.replaysOplog || options.preservesUUID || options.maintainsOrder
        holdsSecret = (try? MongoURI(uri))?.holdsSecret ?? false
        self.progress = progress
    }
}

/// Chooses the engine for a run.
package enum Engines {
    /// Throws `toolNotFound`, `toolRefused` or `toolFailed` for an engine whose tools cannot be used.
    package static func make(_ order: EngineOrder, _ surroundings: ToolSurroundings) throws -> any Engine {
        let check = order.progress.cancellation.check
        switch order.choice {
        case .builtin: return BuiltinEngine(version: ProductVersion.text)
        case .mongodump:
            return try MongodumpEngine.local(
                for: order.use, directory: order.place.toolsDirectory, surroundings: surroundings, check: check)
        case .docker:
            return try MongodumpEngine.container(
                for: order.use, place: order.place, surroundings: surroundings, check: check)
        case .auto: return try automatic(order, surroundings)
        }
    }

    /// The tool where there is one that can be used, else the built-in engine; and why, when that is not plain.
    private static func automatic(_ order: EngineOrder, _ surroundings: ToolSurroundings) throws -> any Engine {
        let reason: String
        do {
            let engine = try MongodumpEngine.local(
                for: order.use, directory: order.place.toolsDirectory, surroundings: surroundings,
                check: order.progress.cancellation.check)
            if engine.keepsSecrets || !order.holdsSecret { return engine }
            reason = "tools \(engine.identity.version) cannot be given a password in secret"
        } catch let error as BackupError where error.code == .toolNotFound {
            if order.needsTools || order.place.toolsDirectory != nil { throw error }
            return builtin(order)
        } catch let error as BackupError where [.toolRefused, .toolFailed].contains(error.code) {
            if order.needsTools { throw error }
            reason = error.message
        }
        if order.needsTools {
            throw BackupError(.toolFailed, "cannot do what is asked: \(reason)")
        }
        order.progress.warning("engine builtin is used instead of mongodump: \(reason)")
        return builtin(order)
    }

    private static func builtin(_ order: EngineOrder) -> any Engine {
        if let option = order.optionForToolsOnly {
            order.progress.warning("\(option) is not heard: engine builtin is used, since there is no mongodump")
        }
        return BuiltinEngine(version: ProductVersion.text)
    }
}

package enum ProductVersion {
    package static let text = "0.1.0"
}
