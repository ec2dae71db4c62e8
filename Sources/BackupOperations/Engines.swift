package import BackupEngines
package import BackupModel

/// Chooses the engine for a run.
package enum Engines {
    @Sendable package static func make(_ choice: EngineChoice) -> any Engine {
        switch choice {
        case .auto, .builtin: BuiltinEngine(version: ProductVersion.text)
        }
    }
}

package enum ProductVersion {
    package static let text = "0.1.0"
}
