import ArgumentParser
import BackupModel
import BackupOperations
import Foundation

struct RetentionPlanCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan", abstract: "Say what a policy keeps of given snapshots. Touches nothing.",
        discussion: """
            The policy is JSON such as {"keepLast": 3, "keepDaily": 7, "keepWithin": "1y2m3d4h", "timeZone": \
            "Europe/Warsaw"}, the snapshots [{"id": "a", "time": "2026-01-14T02:00:00Z", "status": "succeeded"}]. With \
            --batch, each line of the file is {"policy": ..., "snapshots": ...} and gives one line of JSON.
            """)

    @OptionGroup var options: GlobalOptions

    @Option(name: .customLong("policy-json"), help: "A file with the policy.")
    var policy: String?

    @Option(name: .customLong("snapshots"), help: "A file with the snapshots of one job.")
    var snapshots: String?

    @Option(name: .customLong("batch"), help: "A file with a policy and its snapshots in each line.")
    var batch: String?

    @Option(name: .customLong("now"), help: "The time beyond which a snapshot is of the future (default: now).")
    var now: String?

    func validate() throws {
        if batch != nil && (policy != nil || snapshots != nil) {
            throw ValidationError("--batch excludes --policy-json and --snapshots")
        }
        if batch == nil && (policy == nil || snapshots == nil) {
            throw ValidationError("--policy-json and --snapshots are needed, or --batch")
        }
    }

    func run() throws {
        let now = try time()
        if let batch { return try answer(batch, now: now) }
        guard let policy, let snapshots else { return }
        let question = try RetentionQuestion(
            given: GivenRetention(json: Self.read(policy)), snapshots: GivenSnapshot.list(json: Self.read(snapshots)))
        let plan = try plan(question, now: now)
        try options.output.render(RetentionView.json(plan), text: RetentionView.text(plan))
    }

    /// A line that cannot be answered is answered with its error, so that lines stay in their places.
    private func answer(_ file: String, now: Date) throws {
        for line in try Self.read(file).split(separator: UInt8(ascii: "\n")) {
            let answer: JSONValue
            do {
                answer = RetentionView.json(try plan(RetentionQuestion(json: Data(line)), now: now))
            } catch let error as BackupError {
                answer = .object(["error": .string(error.message)])
            }
            let text = answer.line()
            try options.output.render(verbatim: text)
        }
    }

    private func plan(_ question: RetentionQuestion, now: Date) throws -> RetentionPlan {
        question.plan(now: now, in: try Self.zones.rules(named: question.timeZone))
    }

    private static let zones = SystemTimeZones(environment: ProcessInfo.processInfo.environment)

    private func time() throws -> Date {
        guard let now else { return .now }
        guard let time = GivenTime.parse(now) else {
            throw BackupError(
                .usage, "cannot read --now '\(now.escapedForDisplay)'", hint: "write it as 2026-01-14T02:00:00Z.")
        }
        return time
    }

    private static func read(_ path: String) throws -> Data {
        do {
            return try Data(contentsOf: URL(filePath: path))
        } catch let error as CocoaError {
            let reason = (error.underlying as? POSIXError).map { String(cString: strerror($0.code.rawValue)) }
            throw BackupError(
                .usage,
                "cannot read '\(path.escapedForDisplay)': \(reason?.lowercased() ?? "there is no readable file")")
        }
    }
}
