/// Where each namespace of an archive goes: an ordered list of renaming rules, of which the last that matches is applied,
/// once (no chains, so that `a -> b` and `b -> a` together swap).
///
/// The rules are those of mongorestore's `--nsFrom`/`--nsTo`, read as they are written: the n-th `*` of the target takes
/// what the n-th `*` of the source matched. (mongorestore numbers a leading `*` differently from the others, so
/// that `'*.*'` to `'new_*.*'` swaps database and collection there.) A time series is renamed by its own name.
package struct NamespaceMapping: Hashable, Sendable {
    package let rules: [Rule]

    package init(rules: [Rule] = []) {
        self.rules = rules
    }

    package static let identity = NamespaceMapping()

    package var isIdentity: Bool { rules.isEmpty }

    package func map(_ namespace: Namespace, isTimeSeries: Bool = false) throws -> Namespace {
        guard let index = ruleIndex(for: namespace, isTimeSeries: isTimeSeries) else { return namespace }
        return try rules[index].apply(to: namespace, isTimeSeries: isTimeSeries) ?? namespace
    }

    /// The rule that decides about this namespace.
    package func ruleIndex(for namespace: Namespace, isTimeSeries: Bool) -> Int? {
        rules.lastIndex { $0.matches(namespace, isTimeSeries: isTimeSeries) }
    }
}

extension NamespaceMapping {
    /// One renaming rule: `--ns-from` and `--ns-to`, or `--rename OLD=NEW`.
    package struct Rule: Hashable, Sendable {
        package let source: NamespacePattern
        package let targetText: String
        private let literals: [[UInt8]]
        /// For each gap between literals, which capture of the source fills it.
        private let captures: [Int]

        /// Pairs a source pattern with its target; refuses what mongorestore refuses.
        package init(from: String, to: String) throws {
            guard !from.isEmpty, !to.isEmpty else {
                throw BackupError(.invalidPattern, "cannot rename '\(from)' to '\(to)': a pattern is empty")
            }
            source = try NamespacePattern(source: from)
            targetText = to
            if from.utf8.contains(UInt8(ascii: "$")) {
                let (literals, names) = try NamespacePattern.splitVariables(to)
                self.literals = literals
                captures = try names.map { [source] name in
                    guard let index = source.names.firstIndex(of: name) else {
                        throw BackupError(
                            .invalidPattern, "cannot rename '\(from)' to '\(to)': unknown variable '\(name)'")
                    }
                    return index
                }
            } else {
                guard !to.utf8.contains(UInt8(ascii: "$")) else {
                    throw BackupError(
                        .invalidPattern, "cannot rename '\(from)' to '\(to)': '$' in the target but none in the source")
                }
                let target = NamespacePattern(wildcards: to)
                guard target.names.count == source.names.count else {
                    throw BackupError(
                        .invalidPattern, "cannot rename '\(from)' to '\(to)': different number of asterisks",
                        hint: "each '*' of the source needs one in the target, or name them: '$db$.$coll$'.")
                }
                literals = target.literals
                captures = Array(target.names.indices)
            }
        }

        package func matches(_ namespace: Namespace, isTimeSeries: Bool = false) -> Bool {
            source.matches(namespace) || (isTimeSeries && source.matches(namespace.buckets))
        }

        /// The new name; nil when the source pattern does not match. Throws when the result is no namespace.
        package func apply(to namespace: Namespace, isTimeSeries: Bool = false) throws -> Namespace? {
            if let name = substitute(in: namespace) { return try checked(name, from: namespace) }
            // Scripts for mongorestore name the bucket collection to rename a time series; they mean the series.
            guard isTimeSeries, let name = substitute(in: namespace.buckets) else { return nil }
            let renamed = try checked(name, from: namespace.buckets)
            return renamed.timeSeriesOfBuckets ?? renamed
        }

        private func substitute(in namespace: Namespace) -> [UInt8]? {
            guard let taken = source.captures(in: Array(namespace.description.utf8)) else { return nil }
            var result = literals.first ?? []
            for (capture, literal) in zip(captures, literals.dropFirst()) {
                result += taken[capture]
                result += literal
            }
            return result
        }

        private func checked(_ bytes: [UInt8], from namespace: Namespace) throws -> Namespace {
            let name = String(decoding: bytes, as: UTF8.self)
            guard let result = Namespace(parsing: name) else {
                throw BackupError(
                    .invalidPattern, "cannot rename '\(namespace)' to '\(name)': not of the form 'database.collection'")
            }
            return result
        }
    }
}

extension NamespaceMapping {
    /// Reads what was typed: pairs first, then `--rename OLD=NEW`, which is literal and so wins over a pattern.
    package init(from: [String], to: [String], renames: [String]) throws {
        guard from.count == to.count else {
            throw BackupError(
                .invalidPattern,
                "cannot rename: \(from.count) source patterns (--ns-from) and \(to.count) target patterns (--ns-to)",
                hint: "give --ns-from and --ns-to in pairs.")
        }
        rules = try zip(from, to).map { try Rule(from: $0, to: $1) } + renames.map(Self.rule(renaming:))
    }

    /// `OLD=NEW` for a database (no dot in either) or for a collection.
    private static func rule(renaming text: String) throws -> Rule {
        let sides = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard sides.count == 2, !sides[0].isEmpty, !sides[1].isEmpty else {
            throw BackupError(
                .invalidPattern, "cannot rename '\(text)': not of the form OLD=NEW",
                hint: "for example --rename shop=shop_dev, or --rename shop.orders=shop.orders_copy.")
        }
        let dots = sides.map { $0.utf8.contains(UInt8(ascii: ".")) }
        guard dots[0] == dots[1] else {
            throw BackupError(
                .invalidPattern,
                "cannot rename '\(sides[0])' to '\(sides[1])': one is a database, the other a collection",
                hint: "name two databases, or two namespaces of the form 'database.collection'.")
        }
        let escaped = try sides.map(escape)
        return dots[0]
            ? try Rule(from: escaped[0], to: escaped[1]) : try Rule(from: escaped[0] + ".*", to: escaped[1] + ".*")
    }

    private static func escape(_ literal: String) throws -> String {
        guard !literal.utf8.contains(UInt8(ascii: "$")) else {
            throw BackupError(.invalidPattern, "cannot rename '\(literal)': '$' cannot be part of a name here")
        }
        return String(literal.flatMap { $0 == "*" || $0 == "\\" ? ["\\", $0] : [$0] })
    }
}
