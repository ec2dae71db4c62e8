/// Which namespaces are taken: those that match some `include` (or all, when there is none) and no `exclude`.
package struct NamespaceSelection: Hashable, Sendable, Codable {
    package var include: [NamespacePattern]
    package var exclude: [NamespacePattern]

    package init(include: [NamespacePattern] = [], exclude: [NamespacePattern] = []) {
        self.include = include
        self.exclude = exclude
    }

    /// Reads the patterns as they are typed.
    package init(include: [String], exclude: [String]) throws {
        self.include = try include.map { try NamespacePattern(selecting: $0) }
        self.exclude = try exclude.map { try NamespacePattern(selecting: $0) }
    }

    package static let everything = NamespaceSelection(include: [NamespacePattern](), exclude: [NamespacePattern]())

    package var isEverything: Bool { include.isEmpty && exclude.isEmpty }

    package func contains(_ namespace: Namespace) -> Bool {
        let name = Array(namespace.description.utf8)
        guard !exclude.contains(where: { $0.captures(in: name) != nil }) else { return false }
        return include.isEmpty || include.contains { $0.captures(in: name) != nil }
    }
}
