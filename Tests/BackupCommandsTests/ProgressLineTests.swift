import BackupModel
import BackupOperations
import Foundation
import Testing

@testable import BackupCommands

/// A line about a run: right numbers, and none that could end the process.
@Suite struct ProgressLineTests {
    private func line(
        _ phase: ProgressState.Phase = .dumping, elapsed: Double = 10,
        _ change: (inout ProgressState) -> Void = { _ in }
    ) -> ProgressLine {
        var state = RunProgress(cancellation: Cancellation(), log: nil).current
        state.phase = phase
        change(&state)
        return ProgressLine(state: state, elapsed: elapsed, title: "orders")
    }

    @Test func bytesDecideWhereTheyAreKnown() {
        #expect(
            line { ($0.bytes, $0.expectedBytes, $0.documents, $0.expectedDocuments) = (50, 100, 1, 100) }.fraction
                == 0.5)
        #expect(line { ($0.documents, $0.expectedDocuments) = (25, 100) }.fraction == 0.25)
        #expect(line { ($0.documents, $0.expectedDocuments, $0.expectedBytes) = (25, 100, 0) }.fraction == 0.25)
    }

    @Test func theServersEstimateMayBeTooLow() {
        #expect(line { ($0.bytes, $0.expectedBytes) = (150, 100) }.fraction == 1)
        #expect(line { ($0.bytes, $0.expectedBytes) = (150, 100) }.remaining == nil)
    }

    @Test(arguments: [ProgressState.Phase.connecting, .checking, .planning, .indexing, .publishing])
    func noFractionOfWhatIsNotMeasured(phase: ProgressState.Phase) {
        #expect(line(phase) { ($0.bytes, $0.expectedBytes) = (50, 100) }.fraction == nil)
    }

    @Test func nothingIsKnownOfNothing() {
        #expect(line().fraction == nil)
        #expect(line { $0.expectedBytes = 0 }.fraction == nil)
        #expect(line { ($0.expectedBytes, $0.expectedDocuments) = (-1, -1) }.fraction == nil)
    }

    @Test func theRestIsEstimatedOnceThereIsSomethingToGoBy() {
        #expect(line { ($0.bytes, $0.expectedBytes) = (50, 100) }.remaining == 10)
        #expect(line(elapsed: 0.5) { ($0.bytes, $0.expectedBytes) = (50, 100) }.remaining == nil)
        #expect(line { ($0.bytes, $0.expectedBytes) = (1, 1000) }.remaining == nil)
    }

    @Test func theLineSaysWhatIsDone() {
        let text = line { ($0.bytes, $0.expectedBytes, $0.documents) = (1_048_576, 2_097_152, 1234) }.plain
        #expect(text == "orders: dumping, 50%, 1,234 documents, 1.0 MiB, 102 KiB/s, about 10s left")
        #expect(line(.checking) { $0.checkedBytes = 2048 }.plain == "orders: checking, 2.0 KiB")
        #expect(line(.connecting).plain == "orders: connecting")
    }

    @Test(arguments: [0, 1, 2, 10, 20, 40, 79, 80, 81, 100, 120, 200, 1000])
    func theLineFitsTheTerminal(width: Int) {
        for fraction in [0, 1, 50, 99, 100, 120] as [Int64] {
            let text = line { ($0.bytes, $0.expectedBytes) = (fraction * 1000, 100_000) }.bar(width: width)
            #expect(text.count <= max(0, width - 1))
            if text.hasPrefix("[") {
                let cells = text.dropFirst().prefix { $0 != "]" }
                #expect(cells.allSatisfy { $0 == "#" || $0 == "." })
                let filled = cells.filter { $0 == "#" }.count
                #expect(filled == Int(Double(min(fraction, 100)) / 100 * Double(cells.count)))
            }
        }
    }

    /// Numbers that a damaged server or a clock could give; in a process of its own, since a trap ends it.
    @Test(
        .serialized,
        arguments: [
            WeirdNumbers(bytes: .max, expected: 1, elapsed: 10), WeirdNumbers(bytes: 1, expected: .max, elapsed: 10),
            WeirdNumbers(bytes: -1, expected: 1, elapsed: 10), WeirdNumbers(bytes: 5, expected: 10, elapsed: 0),
            WeirdNumbers(bytes: 5, expected: 10, elapsed: -1), WeirdNumbers(bytes: 5, expected: 10, elapsed: .nan),
            WeirdNumbers(bytes: 5, expected: 10, elapsed: .infinity),
            WeirdNumbers(bytes: .max, expected: .max, elapsed: 0),
            WeirdNumbers(bytes: .min, expected: 1, elapsed: 10), WeirdNumbers(bytes: -50, expected: 100, elapsed: 10),
        ])
    func noNumberTraps(numbers: WeirdNumbers) async {
        await #expect(processExitsWith: .success) {
            [
                bytes = numbers.bytes as Int64, expected = numbers.expected as Int64,
                elapsedBits = numbers.elapsed.bitPattern as UInt64
            ] in
            // Captured values pass as JSON, which has no NaN.
            let elapsed = Double(bitPattern: elapsedBits)
            for phase in [ProgressState.Phase.dumping, .restoring, .checking] {
                var state = RunProgress(cancellation: Cancellation(), log: nil).current
                state.phase = phase
                (state.bytes, state.documents, state.checkedBytes) = (bytes, bytes, bytes)
                state.expectedDocuments = expected
                for expectedBytes in [nil, expected] {
                    state.expectedBytes = expectedBytes
                    let line = ProgressLine(state: state, elapsed: elapsed, title: "orders")
                    for width in [-5, 0, 10, 80, 200] { _ = line.bar(width: width) }
                }
            }
        }
    }
}

struct WeirdNumbers: Sendable, CustomTestStringConvertible {
    var bytes: Int64
    var expected: Int64
    var elapsed: Double

    var testDescription: String { "\(bytes) of \(expected) in \(elapsed)" }
}
