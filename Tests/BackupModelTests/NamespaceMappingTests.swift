import BackupModel
import Testing

@Suite struct NamespaceMappingTests {
    private func map(_ pairs: [(String, String)], _ name: String, renames: [String] = []) throws -> String {
        let mapping = try NamespaceMapping(from: pairs.map(\.0), to: pairs.map(\.1), renames: renames)
        return try mapping.map(#require(Namespace(parsing: name))).description
    }

    /// Results of mongorestore's own renamer, where it does what the pattern says.
    @Test(arguments: [
        ("$db$.user$$", "test.user$$_$db$", "stuff.user", "test.user_stuff"),
        ("$db$.user$$", "test.user$$_$db$", "stuff.users", "test.users_stuff"),
        (#"pr\*d\\.*"#, #"st\*g\\ing.*"#, #"pr*d\.users"#, #"st*g\ing.users"#),
        (#"pr\*d\\.*"#, #"st\*g\\ing.*"#, #"pr*d\.turbo.encabulators"#, #"st*g\ing.turbo.encabulators"#),
        (#"pr\*d\\.*"#, #"st\*g\\ing.*"#, #"st*g\ing.turbo"#, #"st*g\ing.turbo"#),
        ("$:)*$.us(?:2)er$?$", "test.us(?:2)er$?$_$:)*$", "stuff.us(?:2)ers", "test.us(?:2)ers_stuff"),
        ("*.*", "*_test.*", "prod.turbo.encabulators", "prod_test.turbo.encabulators"),
        ("restaurants.cafés", "ÿœp.tāx", "restaurants.cafés", "ÿœp.tāx"),
        ("my-app-prod.*", "my-app-dev.*", "my-app-prod.a.b", "my-app-dev.a.b"),
        ("$a$.$b$", "$b$.$a$", "x.y", "y.x"), ("db.*", "db.copy_*", "db.x", "db.copy_x"),
        ("db.$c$", "other.fixed", "db.x", "other.fixed"),
    ])
    func renamesAsMongorestoreDoes(from: String, to: String, name: String, expected: String) throws {
        #expect(try map([(from, to)], name) == expected)
    }

    /// Where mongorestore swaps what the asterisks matched: one of the patterns begins with `*`, the other does not.
    @Test(arguments: [
        ("*.*", "new_*.*", "prod.users", "new_prod.users"), ("new_*.*", "*.*", "new_prod.users", "prod.users"),
        ("*.a*", "x_*.b*", "d.ac", "x_d.bc"),
    ])
    func asterisksKeepTheirOrder(from: String, to: String, name: String, expected: String) throws {
        #expect(try map([(from, to)], name) == expected)
    }

    @Test func theLastMatchingPairWinsAndOnlyOneIsApplied() throws {
        let pairs = [("a.*", "b.*"), ("b.*", "a.*"), ("a.x", "c.x")]
        #expect(try map(pairs, "a.y") == "b.y")
        #expect(try map(pairs, "b.y") == "a.y")
        #expect(try map(pairs, "a.x") == "c.x")
    }

    @Test(arguments: [
        (["a.*"], []), (["a.*"], ["b.c"]), (["$db$.user$db$"], ["test.user-$db$"]), (["$db$.us$er$table$"], ["t.u"]),
        (["$a$.x"], ["$b$.x"]), (["a.*"], ["$1$.*"]), ([""], ["a.b"]), (["*.x"], ["$.x"]),
    ])
    func refusesWhatMongorestoreRefuses(from: [String], to: [String]) {
        #expect(throws: BackupError.self) { try NamespaceMapping(from: from, to: to, renames: []) }
    }

    @Test func renamesADatabaseOrACollection() throws {
        #expect(try map([], "shop.orders.old", renames: ["shop=shop_dev"]) == "shop_dev.orders.old")
        #expect(try map([], "shop.a*b", renames: ["shop.a*b=shop.c"]) == "shop.c")
        #expect(try map([], "shop.aXb", renames: ["shop.a*b=shop.c"]) == "shop.aXb")
        #expect(try map([("shop.*", "x.*")], "shop.a", renames: ["shop.a=y.a"]) == "y.a")
    }

    @Test(arguments: ["shop", "=x", "shop=", "shop=a.b", "shop.a=b", "a$=b"])
    func refusesRenamesThatAreNone(text: String) {
        #expect(throws: BackupError.self) { try NamespaceMapping(from: [], to: [], renames: [text]) }
    }

    @Test func aTimeSeriesFollowsItsOwnNameAndThatOfItsBuckets() throws {
        let series = Namespace(database: "db", collection: "ts")
        let exact = try NamespaceMapping(from: ["db.ts"], to: ["db.ts2"], renames: [])
        #expect(try exact.map(series, isTimeSeries: true).description == "db.ts2")
        let prefix = try NamespaceMapping(from: ["db.*"], to: ["db.copy_*"], renames: [])
        #expect(try prefix.map(series, isTimeSeries: true).description == "db.copy_ts")
        let buckets = try NamespaceMapping(
            from: ["db.system.buckets.ts"], to: ["db.system.buckets.ts2"], renames: [])
        #expect(try buckets.map(series, isTimeSeries: true).description == "db.ts2")
        #expect(try buckets.map(series, isTimeSeries: false) == series)
    }

    @Test func aResultWithoutADotIsRefused() throws {
        let mapping = try NamespaceMapping(from: ["a.*"], to: ["*"], renames: [])
        #expect(throws: BackupError.self) { try mapping.map(Namespace(database: "a", collection: "b")) }
    }
}
