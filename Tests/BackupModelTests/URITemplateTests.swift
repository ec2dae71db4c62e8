import Testing

@testable import BackupModel

struct URITemplateTests {
    private static let values = ["PW": "p@:/%é", "H": "db1:27017,[::1]:2", "X": "a b"]

    private func filled(_ text: String) throws -> String? { try URITemplate(text)?.filled { Self.values[$0] } }

    @Test func valuesAreEncodedExceptAmongTheHosts() throws {
        #expect(try filled("mongodb://h/") == nil)
        #expect(
            try filled("mongodb://u:${PW}@${H}/x?appName=${X}")
                == "mongodb://u:p%40%3A%2F%25%C3%A9@db1:27017,[::1]:2/x?appName=a%20b")
        #expect(try URITemplate("mongodb://u:${PW}@${H}/")?.example == "mongodb://u:1@1/")
    }

    @Test(arguments: ["mongodb://${", "mongodb://${}/", "mongodb://${A-B}/", "mongodb://${1}/", "mongodb://h/${A"])
    func aVariableMustHaveAName(text: String) {
        #expect(throws: BackupError.self) { try URITemplate(text) }
    }

    @Test func whatIsNotThereOrIsNoHostIsRefusedWithoutItsValue() throws {
        #expect(throws: BackupError.self) { try filled("mongodb://u:${NONE}@h/") }
        do {
            _ = try filled("mongodb://${PW}/")
            Issue.record("a password is no host")
        } catch let error as BackupError {
            #expect(!"\(error)".contains("p@") && error.message.contains("'PW'"))
        }
    }

    @Test func aPartThatIsAVariableIsNoSecret() {
        #expect(URITemplate.isVariable("${PW}"))
        for other in ["${PW}x", "x${PW}", "${}", "PW", "${P W}", "${A}${B}"] { #expect(!URITemplate.isVariable(other)) }
    }
}
