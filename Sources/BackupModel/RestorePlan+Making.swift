extension RestorePlan {
    /// Decides what a restore does.
    ///
    /// - Parameters:
    ///   - archive: every namespace of the archive, in its order.
    ///   - choice: what was asked for.
    ///   - live: what the target has under the names it is asked about.
    /// - Throws: `noMatch` when a pattern matches nothing in the archive, `invalidPattern` when a result is no legal name or two
    ///   sources meet in one target, `refused` for targets that a restore must not write.
    ///
    /// Namespaces that are in the way make entries with the action `conflict`, not errors: a plan can be shown whole.
    package static func make(
        archive: [ArchivedNamespace], choice: RestoreChoice, live: (Namespace) throws -> LiveNamespace?
    ) throws -> RestorePlan {
        let (chosen, skipped) = choose(from: archive, choice: choice)
        try requireMatches(archive: archive, chosen: chosen, choice: choice)
        let targets = try chosen.map { try target(of: $0, choice: choice) }
        try requireDistinct(sources: chosen.map(\.namespace), targets: targets)
        let entries = try zip(chosen, targets).map { source, target in
            try entry(source, target: target, existing: choice.existing, live: live)
        }
        return RestorePlan(
            entries: entries, skipped: skipped,
            warnings: warnings(chosen: chosen, skipped: archive.filter(\.isOplog), choice: choice))
    }

    private static func choose(
        from archive: [ArchivedNamespace], choice: RestoreChoice
    ) -> (chosen: [ArchivedNamespace], skipped: [Skipped]) {
        var chosen: [ArchivedNamespace] = []
        var skipped: [Skipped] = []
        for candidate in archive {
            if let reason = reasonToSkip(candidate, choice: choice) {
                skipped.append(Skipped(namespace: candidate.namespace, reason: reason))
            } else {
                chosen.append(candidate)
            }
        }
        return (chosen, skipped)
    }

    private static func reasonToSkip(_ candidate: ArchivedNamespace, choice: RestoreChoice) -> String? {
        if candidate.isOplog { return choice.replaysOplog ? nil : "an oplog is replayed with --oplog-replay only" }
        if candidate.holdsUsers { return choice.withUsers ? nil : "users and roles need --with-users" }
        switch candidate.namespace.database {
        case "config", "local": return "belongs to the deployment it came from"
        default: break
        }
        let name = candidate.namespace.collection
        if name.utf8.starts(with: "system.".utf8), name != "system.js" { return "the server writes it itself" }
        return choice.selection.contains(candidate.namespace) ? nil : "not selected"
    }

    private static func requireMatches(
        archive: [ArchivedNamespace], chosen: [ArchivedNamespace], choice: RestoreChoice
    ) throws {
        let there = archive.filter { !$0.isOplog && (choice.withUsers || !$0.holdsUsers) }
        for pattern in choice.selection.include + choice.selection.exclude
        where !there.contains(where: { pattern.matches($0.namespace) }) {
            throw noMatch("pattern '\(pattern)'", there)
        }
        for rule in choice.mapping.rules
        where !there.contains(where: { rule.matches($0.namespace, isTimeSeries: $0.type == "timeseries") }) {
            throw noMatch("'\(rule.source)' (to be renamed to '\(rule.targetText)')", there)
        }
        if choice.replaysOplog, !archive.contains(where: \.isOplog) {
            throw BackupError(
                .noMatch, "cannot replay the oplog: the archive has none",
                hint: "leave out --oplog-replay; a job takes the oplog along with --oplog.")
        }
        guard chosen.isEmpty else { return }
        if choice.selection.isEverything {
            throw BackupError(.noMatch, "cannot restore: there is nothing to restore in the archive")
        }
        throw noMatch("the selection", there)
    }

    private static func noMatch(_ what: String, _ there: [ArchivedNamespace]) -> BackupError {
        let names = there.prefix(12).map { "'\($0.namespace.description.escapedForDisplay)'" }.joined(separator: ", ")
        let more = there.count > 12 ? " and \(there.count - 12) more" : ""
        return BackupError(
            .noMatch, "cannot restore: \(what) matches nothing in the archive",
            hint: there.isEmpty ? "the archive has no namespaces." : "the archive has \(names)\(more).")
    }

    private static func target(of source: ArchivedNamespace, choice: RestoreChoice) throws -> Namespace {
        if source.isOplog { return source.namespace }
        if source.holdsUsers { return try targetOfUsers(source, choice: choice) }
        let target = try choice.mapping.map(source.namespace, isTimeSeries: source.type == "timeseries")
        if target != source.namespace {
            try checkName(target, renamedFrom: source)
        } else if let problem = target.problem {
            throw BackupError(
                .refused, "refusing to restore '\(target.description.escapedForDisplay)': \(problem)",
                hint: "rename it with --rename, or leave it out with --ns-exclude.")
        }
        return target
    }

    /// Users are restored as they are; those of one database cannot follow it to another name, since their names,
    /// roles and credentials hold the database's.
    private static func targetOfUsers(_ source: ArchivedNamespace, choice: RestoreChoice) throws -> Namespace {
        guard source.namespace.database != "admin" else { return source.namespace }
        let probe = Namespace(database: source.namespace.database, collection: "x")
        guard try choice.mapping.map(probe).database == probe.database else {
            throw BackupError(
                .refused, "refusing to restore the users of database '\(probe.database)' under another name",
                hint: "leave out --with-users, and create the users of the renamed database by hand.")
        }
        return source.namespace
    }

    private static func checkName(_ target: Namespace, renamedFrom source: ArchivedNamespace) throws {
        let from = source.namespace.description.escapedForDisplay
        let to = target.description.escapedForDisplay
        if let problem = target.problem {
            throw BackupError(.invalidPattern, "cannot rename '\(from)' to '\(to)': \(problem)")
        }
        guard !["admin", "config", "local"].contains(target.database) else {
            throw BackupError(
                .refused, "refusing to rename '\(from)' to '\(to)': '\(target.database)' is the server's own")
        }
        guard !target.collection.utf8.starts(with: "system.".utf8) || target.collection == source.namespace.collection
        else {
            throw BackupError(.refused, "refusing to rename '\(from)' to '\(to)': 'system.' is the server's own")
        }
    }

    private static func requireDistinct(sources: [Namespace], targets: [Namespace]) throws {
        var seen: [Namespace: Namespace] = [:]
        for (source, target) in zip(sources, targets) {
            if let other = seen.updateValue(source, forKey: target) {
                throw BackupError(
                    .invalidPattern,
                    "cannot restore: '\(other.description.escapedForDisplay)' and '\(source.description.escapedForDisplay)' "
                        + "would both go to '\(target.description.escapedForDisplay)'")
            }
        }
        // The server refuses two databases whose names differ in case only.
        var spellings: [String: String] = [:]
        for target in targets {
            let other = spellings.updateValue(target.database, forKey: target.database.lowercased())
            if let other, other != target.database {
                throw BackupError(
                    .invalidPattern,
                    "cannot restore: the databases '\(other)' and '\(target.database)' would differ in case only")
            }
        }
    }

    private static func entry(
        _ source: ArchivedNamespace, target: Namespace, existing: ExistingPolicy,
        live: (Namespace) throws -> LiveNamespace?
    ) throws -> Entry {
        var entry = Entry(
            source: source.namespace, target: target, type: source.type, expected: source.documents, action: .create)
        // Users and roles are merged into those that are there, whatever the policy: they are never dropped. An oplog is
        // applied, and is no collection of the target.
        guard !source.holdsUsers, !source.isOplog else {
            entry.action = .merge
            return entry
        }
        guard let there = try live(target) else { return entry }
        entry.live = there.documents
        switch existing {
        case .fail: (entry.action, entry.reason) = (.conflict, "exists on the target")
        case .drop: entry.action = .drop
        case .merge:
            entry.reason = reasonAgainstMerge(source, there)
            entry.action = entry.reason == nil ? .merge : .conflict
        }
        return entry
    }

    private static func reasonAgainstMerge(_ source: ArchivedNamespace, _ live: LiveNamespace) -> String? {
        guard source.type == live.type else {
            return "it is a \(live.type), and the archive has a \(source.type) of this name"
        }
        switch source.type {
        case "timeseries": return "buckets of a time series cannot be merged"
        case "view": return source.definition == live.definition ? nil : "it is a view with another definition"
        default: return nil
        }
    }

    private static func warnings(
        chosen: [ArchivedNamespace], skipped oplogs: [ArchivedNamespace], choice: RestoreChoice
    ) -> [String] {
        var warnings: [String] = []
        if !choice.mapping.isIdentity, chosen.contains(where: { $0.holdsUsers && $0.namespace.database == "admin" }) {
            warnings.append(
                "users and roles keep the database names they were made for: renaming does not reach into them")
        }
        if !oplogs.isEmpty, !choice.replaysOplog {
            warnings.append(
                "the archive's oplog is not replayed: each collection is as it was when it was read, not as at one moment"
            )
        }
        return warnings
    }
}

extension Namespace {
    /// Why a server would not take this name, or nil (limits: MongoDB 4.4 and later).
    package var problem: String? {
        if database.utf8.count > 63 { return "a database name has at most 63 bytes" }
        let forbidden = database.unicodeScalars.first { "/\\. \"$\0".unicodeScalars.contains($0) }
        if let forbidden { return "a database name cannot hold '\(String(forbidden).escapedForDisplay)'" }
        if collection.utf8.contains(0) { return "a collection name cannot hold a NUL byte" }
        if collection.utf8.first == UInt8(ascii: ".") { return "a collection name cannot begin with a dot" }
        if collection.utf8.contains(UInt8(ascii: "$")) { return "a collection name cannot hold '$'" }
        if database.utf8.count + 1 + collection.utf8.count > 255 { return "a namespace has at most 255 bytes" }
        return nil
    }
}
