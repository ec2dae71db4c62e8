import CMongoc
import Testing

@testable import BackupEngines
import BackupModel

@Suite struct ServerErrorTests {
    static func failure(domain: UInt32, driverCode: UInt32 = 0, code: Int32? = nil, _ message: String) -> ServerError {
        var error = ServerError(code: code, message: message)
        error.domain = domain
        error.driverCode = driverCode
        return error
    }

    static let table: [(ServerError, BackupError.Code)] = [
        (failure(domain: MONGOC_ERROR_SERVER_SELECTION.rawValue, "No suitable servers found"), .serverUnreachable),
        (failure(domain: MONGOC_ERROR_STREAM.rawValue, "socket error"), .serverUnreachable),
        (
            failure(
                domain: MONGOC_ERROR_CLIENT.rawValue, driverCode: MONGOC_ERROR_CLIENT_AUTHENTICATE.rawValue,
                "Authentication failed."), .authenticationFailed
        ),
        (failure(domain: MONGOC_ERROR_SERVER.rawValue, code: 18, "Authentication failed."), .authenticationFailed),
        (failure(domain: MONGOC_ERROR_SERVER.rawValue, code: 13, "not authorized on shop"), .notAuthorized),
        (failure(domain: MONGOC_ERROR_SERVER.rawValue, code: 2, "bad value"), .serverFailed),
    ]

    @Test(arguments: table) func whatTheServerSaysDecidesOnTheCode(_ failure: ServerError, _ code: BackupError.Code)
        throws
    {
        let uri = try MongoURI("mongodb://u:CANARY@h:1")
        let error = failure.backupError("read 'shop.orders'", uri: uri)
        #expect(error.code == code)
        #expect(error.message.contains("read 'shop.orders'"))
    }

    @Test func anUnreachableServerIsNamedWithTheReason() throws {
        let failure = Self.failure(domain: MONGOC_ERROR_SERVER_SELECTION.rawValue, "connection refused")
        let error = failure.backupError("connect", uri: try MongoURI("mongodb://u:CANARY@h:1"))
        #expect(error.message == "cannot connect: cannot reach 'h:1': connection refused")
    }

    @Test func aRefusedCommandIsNotQuotedWithItsDocuments() throws {
        let text = "not authorized on shop to execute command { insert: \"orders\", documents: [ { secret: 1 } ] }"
        let uri = try MongoURI("mongodb://u@h")
        let error = ServerError(code: 13, message: text).backupError("restore 'shop.orders'", uri: uri)
        #expect(!error.message.contains("secret"))
        #expect(ServerError.withoutCommand(text) == "not authorized on shop")
        #expect(error.hint?.contains("'restore'") == true)
    }

    @Test func aPasswordInTheDriversTextIsTakenOut() throws {
        let uri = try MongoURI("mongodb://u:p%40ssCANARY@h")
        let failure = Self.failure(
            domain: MONGOC_ERROR_STREAM.rawValue, "mongodb://u:p%40ssCANARY@h and p@ssCANARY")
        #expect(!failure.backupError("connect", uri: uri).message.contains("CANARY"))
    }
}
