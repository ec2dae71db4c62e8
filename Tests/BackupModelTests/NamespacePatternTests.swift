import BackupModel
import Testing

@Suite struct NamespacePatternTests {
    @Test(arguments: [
        ("*.user*", "stuff.user", true), ("*.user*", "stuff.users", true), (#"pr\*d\.*"#, "pr*d.users", true),
        (#"pr\*d\.*"#, "pr*d.turbo.encabulators", true), (#"pr\*d\.*"#, "prod.magic", false),
        (#"pr\*d\.*"#, #"pr*d\.magic"#, false), ("*.*", "stuff.user", true), ("prod", "prod.users", false),
        ("prod.*", "prod.users", true), ("prod.*", "prod.a\nb", true), ("prod.users", "prod.users", true),
        ("prod.users", "prod.userss", false), ("*.sessions", "a.b.sessions", true), ("a*b*c", "a.bc", true),
        ("a*b*c", "aX.bYbZc", true), ("a*b*c", "a.b", false), ("a.x*a", "a.xb", false), ("a.b*b", "a.b", false),
        ("*", "x.y", true),

        ("restaurants.cafés", "restaurants.cafés", true), ("PROD.*", "prod.users", false),
        (#"a\\*.x"#, #"a\b.x"#, true),
    ])
    func wildcardsMatchAsInMongorestore(pattern: String, name: String, matches: Bool) throws {
        let namespace = try #require(Namespace(parsing: name))
        #expect(try NamespacePattern(selecting: pattern).matches(namespace) == matches)
    }

    @Test(arguments: ["$.user$", "*.user$", "", "a$b"])
    func selectingRefusesDollarsAndNothing(pattern: String) {
        #expect(throws: BackupError.self) { try NamespacePattern(selecting: pattern) }
    }

    /// Backtracking would take longer than the universe has.
    @Test(.timeLimit(.minutes(1))) func aHostilePatternEnds() throws {
        let pattern = String(repeating: "a*", count: 2_000) + "b"
        let name = Namespace(database: "a", collection: String(repeating: "a", count: 20_000))
        #expect(try !NamespacePattern(selecting: pattern).matches(name))
    }
}

@Suite struct NamespaceTests {
    @Test func equalityIsByBytes() {
        let composed = Namespace(database: "d", collection: "caf\u{E9}")
        let decomposed = Namespace(database: "d", collection: "cafe\u{301}")
        #expect(composed != decomposed)
        #expect(Set([composed, decomposed]).count == 2)
    }

    @Test func theFirstDotDivides() {
        #expect(Namespace(parsing: "a.b.c") == Namespace(database: "a", collection: "b.c"))
        #expect(Namespace(parsing: ".b") == nil)
        #expect(Namespace(parsing: "a.") == nil)
        #expect(Namespace(parsing: "ab") == nil)
    }
}
