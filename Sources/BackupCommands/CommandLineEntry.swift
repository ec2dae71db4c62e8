import ArgumentParser
import BackupEngines
import BackupModel
import BackupOperations
import Foundation

/// The whole of the process: parses, runs, reports, and ends it with the exit status of `DESIGN.md`, section 9.
package enum CommandLineEntry {
    package static func run() -> Never {
        Keeper.runIfAsked()
        ProcessSetup.prepare()
        let arguments = Array(CommandLine.arguments.dropFirst())
        ProcessSetup.hideSecretsInArguments()
        exit(status(of: arguments))
    }

    /// Runs one command line and gives its exit status; never throws, never exits.
    private static func status(of arguments: [String]) -> Int32 {
        do {
            var command = try Backupctl.parseAsRoot(arguments)
            if var command = command as? any RunnableCommand {
                return try command.perform()
            }
            try command.run()
            return 0
        } catch let error as BackupError {
            Report.error(error)
            return error.code.exitStatus
        } catch {
            return reportParsing(error)
        }
    }

    /// Help and version are results, everything else that the parser refuses is wrong use.
    private static func reportParsing(_ error: any Error) -> Int32 {
        let code = Backupctl.exitCode(for: error)
        guard !code.isSuccess else {
            let text = Backupctl.fullMessage(for: error)
            print(text == ProductVersion.text ? VersionReport().short : text)
            return 0
        }
        guard code == .validationFailure else {
            Report.error(BackupError(.failed, "cannot go on: \(error)"))
            return BackupError.Code.failed.exitStatus
        }
        let text = Backupctl.message(for: error).trimmingCharacters(in: CharacterSet(charactersIn: ". \n"))
        let reason = text.prefix(1).lowercased() + text.dropFirst()
        let first = reason.split(separator: "\n", omittingEmptySubsequences: true).first.map(String.init) ?? reason
        Report.error(
            BackupError(
                .usage, "cannot read the command line: \(first.escapedForDisplay)",
                hint: "run 'backupctl COMMAND --help' for what a command takes."))
        return BackupError.Code.usage.exitStatus
    }
}

/// A command whose exit status may be other than 0 though nothing was thrown (a run that failed has been reported).
protocol RunnableCommand: ParsableCommand {
    mutating func perform() throws -> Int32
}

extension RunnableCommand {
    mutating func run() throws {
        _ = try perform()
    }
}
