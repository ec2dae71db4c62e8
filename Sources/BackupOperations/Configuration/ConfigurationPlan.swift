package import BackupModel
import Foundation

/// What applying a configuration does, computed before anything is touched.
package struct ConfigurationPlan: Equatable, Sendable {
    package enum Action: String, Sendable, CaseIterable {
        case create, change, delete, unchanged
    }

    /// One setting that becomes another; nil is its default.
    package struct Change: Equatable, Sendable {
        package var path: String
        package var old: JobField.Value?
        package var new: JobField.Value?
        /// The connection string that is kept becomes another one, which a redacted form may not show.
        package var isSecret = false
    }

    package struct Item: Equatable, Sendable {
        package var action: Action
        package var name: JobName
        package var changes: [Change]
        var old: BackupModel.Job?
        var new: BackupModel.Job?
        /// What is to be kept for the job, when it is not what is kept already.
        var secret: String?
    }

    /// By name.
    package var items: [Item]
    var time: Date

    package func count(_ action: Action) -> Int { items.count { $0.action == action } }
    package var isEmpty: Bool { items.allSatisfy { $0.action == .unchanged } }
}

extension ConfigurationPlan.Item {
    init(old: BackupModel.Job?, new: BackupModel.Job?, secret: String?, name: JobName) {
        self.name = name
        self.old = old
        self.new = new
        self.secret = secret
        changes = Self.changes(old?.fields ?? [], new?.fields ?? [], secretChanges: old != nil && secret != nil)
        switch (old, new) {
        case (nil, _): action = .create
        case (_, nil):
            action = .delete
            changes = []
        case (let old?, let new?): action = old == new && secret == nil ? .unchanged : .change
        }
    }

    private static func changes(
        _ old: [JobField], _ new: [JobField], secretChanges: Bool
    ) -> [ConfigurationPlan.Change] {
        let before = Dictionary(old.map { ($0.path, $0.value) }) { first, _ in first }
        let after = Dictionary(new.map { ($0.path, $0.value) }) { first, _ in first }
        let paths = new.map(\.path) + old.map(\.path).filter { after[$0] == nil }
        return paths.compactMap { path in
            let isSecret = secretChanges && path == "source.uri"
            guard isSecret || before[path] != after[path] else { return nil }
            return ConfigurationPlan.Change(path: path, old: before[path], new: after[path], isSecret: isSecret)
        }
    }
}
