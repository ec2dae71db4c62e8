import Testing

@testable import BackupEngines
import BackupModel

@Suite struct MongoURITests {
    struct Shape: CustomTestStringConvertible, Sendable {
        var uri: String
        /// Nil: no valid URI.
        var shown: String?
        var hosts: [String] = ["h"]
        var database: String?
        var testDescription: String { uri }
    }

    static let canary = "CANARY-9f3a"

    static let shapes: [Shape] = [
        Shape(uri: "mongodb://h", shown: "mongodb://h"),
        Shape(uri: "mongodb://h/", shown: "mongodb://h"),
        Shape(uri: "mongodb://h:27018", shown: "mongodb://h:27018", hosts: ["h:27018"]),
        Shape(uri: "mongodb://h/shop", shown: "mongodb://h/shop", database: "shop"),
        Shape(uri: "mongodb://h/shop?w=1", shown: "mongodb://h/shop?w=1", database: "shop"),
        Shape(uri: "mongodb://h/?w=1", shown: "mongodb://h/?w=1"),
        Shape(uri: "mongodb://h/?replicaSet=rs0&tls=true", shown: "mongodb://h/?replicaSet=rs0&tls=true"),
        Shape(uri: "mongodb://a,b:1,c/d", shown: "mongodb://a,b:1,c/d", hosts: ["a", "b:1", "c"], database: "d"),
        Shape(uri: "mongodb://[::1]:27018/d", shown: "mongodb://[::1]:27018/d", hosts: ["[::1]:27018"], database: "d"),
        Shape(
            uri: "mongodb://%2Ftmp%2Fmongodb-27017.sock/d", shown: "mongodb://%2Ftmp%2Fmongodb-27017.sock/d",
            hosts: ["/tmp/mongodb-27017.sock"], database: "d"),
        Shape(uri: "mongodb://u@h", shown: "mongodb://u@h"),
        Shape(uri: "mongodb://u:\(canary)@h", shown: "mongodb://u:***@h"),
        Shape(uri: "mongodb://u:\(canary)@h/d", shown: "mongodb://u:***@h/d", database: "d"),
        Shape(uri: "mongodb://u:\(canary)@h/?authSource=admin", shown: "mongodb://u:***@h/?authSource=admin"),
        Shape(
            uri: "mongodb://u:\(canary)@a,b/d?w=1", shown: "mongodb://u:***@a,b/d?w=1", hosts: ["a", "b"], database: "d"
        ),
        Shape(uri: "mongodb://u:\(canary)%40x@h/d", shown: "mongodb://u:***@h/d", database: "d"),
        Shape(uri: "mongodb://u:%43ANARY-9f3a@h", shown: "mongodb://u:***@h"),
        Shape(uri: "mongodb://u%40x:\(canary)@h", shown: "mongodb://u%40x:***@h"),
        Shape(uri: "mongodb://u:@h", shown: "mongodb://u:***@h"),
        Shape(uri: "mongodb://u:\(canary)@h/d?appName=a@b", shown: "mongodb://u:***@h/d?appName=a@b", database: "d"),
        Shape(uri: "mongodb://h/d?appName=a@b", shown: "mongodb://h/d?appName=a@b", database: "d"),
        Shape(
            uri: "mongodb://h:27017/d?appName=a@b", shown: "mongodb://h:27017/d?appName=a@b", hosts: ["h:27017"],
            database: "d"),
        Shape(
            uri: "mongodb://h/?tls=true&tlsCertificateKeyFilePassword=\(canary)",
            shown: "mongodb://h/?tls=true&tlsCertificateKeyFilePassword=***"),
        Shape(
            uri:
                "mongodb://AK:\(canary)@h/?authMechanism=MONGODB-AWS&authSource=$external&authMechanismProperties=AWS_SESSION_TOKEN:\(canary)",
            shown: "mongodb://AK:***@h/?authMechanism=MONGODB-AWS&authSource=$external&authMechanismProperties=***"),
        Shape(uri: "mongodb://h/?unheardOf=\(canary)", shown: "mongodb://h/?unheardOf=***"),
        Shape(uri: "mongodb+srv://c.example.net", shown: "mongodb+srv://c.example.net", hosts: ["c.example.net"]),
        Shape(
            uri: "mongodb+srv://u:\(canary)@c.example.net/d?retryWrites=true",
            shown: "mongodb+srv://u:***@c.example.net/d?retryWrites=true", hosts: ["c.example.net"], database: "d"),
        Shape(uri: "mongodb://u:\(canary)@h/d%2De", shown: "mongodb://u:***@h/d%2De", database: "d-e"),
        Shape(
            uri: "mongodb://h/?readPreference=secondary&readPreferenceTags=dc:a&readPreferenceTags=",
            shown: "mongodb://h/?readPreference=secondary&readPreferenceTags=dc:a&readPreferenceTags="),
        Shape(uri: "mongodb://u:\(canary)@@h", shown: nil),
        Shape(uri: "mongodb://u:\(canary)/x@h/d", shown: nil),
        Shape(uri: "mongodb://u:\(canary)?x@h/d", shown: "mongodb://u:***@h/d", database: "d"),
        Shape(uri: "mongodb://u:p@\(canary)@h/d", shown: "mongodb://u:***@h/d", database: "d"),
        Shape(uri: "mongodb://u:a:\(canary)@h/d", shown: nil),
        Shape(uri: "mongodb://u:\(canary)%zz@h", shown: nil),
        Shape(uri: "mongodb://u:\(canary)", shown: nil),
        Shape(uri: "mongodb://u:\(canary)@", shown: nil),
        Shape(uri: "mongodb://u:\(canary)@/d", shown: nil),
        Shape(uri: "mongodb://", shown: nil),
        Shape(uri: "u:\(canary)@h", shown: nil),
        Shape(uri: "http://u:\(canary)@h", shown: nil),
        Shape(uri: "", shown: nil),
        Shape(uri: "mongodb+srv://u:\(canary)@c.example.net:27017", shown: nil),
        Shape(uri: "mongodb+srv://u:\(canary)@a.example.net,b.example.net", shown: nil),
        Shape(uri: "mongodb://u:\(canary)@h/d?tls=true&tlsInsecure=maybe&x", shown: nil),
    ]

    @Test(arguments: shapes) func aShownURIHasNoSecretInIt(_ shape: Shape) throws {
        #expect(!MongoURI.redacted(shape.uri).contains("CANARY"))
        guard let shown = shape.shown else {
            let error = try #require(throws: BackupError.self) { try MongoURI(shape.uri) }
            #expect(error.code == .invalidURI)
            #expect(!"\(error.message) \(error.hint ?? "")".contains("CANARY"))
            return
        }
        let uri = try MongoURI(shape.uri)
        #expect(uri.redacted == shown)
        #expect(uri.hosts == shape.hosts)
        #expect(uri.database == shape.database)
        #expect("\(uri)" == shown)
        var dumped = ""
        dump(uri, to: &dumped)
        #expect(!dumped.contains("CANARY"))
        // What the driver might quote of it, in any form.
        #expect(!uri.redact("the driver says: '\(shape.uri)', and: '\(shape.uri.percentDecoded)'").contains("CANARY"))
    }

    @Test func aShortPasswordIsHiddenWhereItStandsInAURI() throws {
        let uri = try MongoURI("mongodb://u:a@h")
        #expect(uri.redact("cannot reach mongodb://u:a@h at all") == "cannot reach mongodb://u:***@h at all")
    }

    @Test func specialCharactersInAPasswordAreHintedAt() throws {
        let error = try #require(throws: BackupError.self) { try MongoURI("mongodb://u:p/ss@h") }
        #expect(error.hint?.contains("%40") == true)
    }

    /// The driver would hang on a pipe and take its whole time limit over a file that is not there.
    @Test(arguments: [
        "tlsCAFile=/none/ca.pem", "tlsCertificateKeyFile=/dev/null", "tlsCAFile=/tmp", "TLSCRLFile=/dev/zero",
    ])
    func aTLSFileThatIsNoneIsRefusedBeforeConnecting(option: String) throws {
        let uri = try MongoURI("mongodb://127.0.0.1:1/?tls=true&\(option)")
        let error = #expect(throws: BackupError.self) { _ = try MongoConnection(uri, patience: .reading) }
        #expect(error?.code == .secretUnavailable)
    }
}
