internal import Foundation

/// Which pieces of which collections are still to be read, for the readers of a dump to share.
///
/// Collections are taken in the archive's order, since the writer waits for them in that order. Whoever gets to a
/// collection first plans it: finds out what it is at that moment, and in which pieces it is read.
final class DumpWork: @unchecked Sendable {
    enum Order {
        case plan(Int)
        case read(Int, DumpPiece, plan: Plan)
    }

    /// What is the same for all pieces of a collection.
    struct Plan {
        var pieces: [DumpPiece]
        var source: SourceGuard.Source?
    }

    private struct Entry {
        var state = State.untouched
        var waiting: ArraySlice<DumpPiece> = []
        var left = 0
        var documents: Int64 = 0
        var bytes: Int64 = 0
    }

    private enum State {
        case untouched, planning
        case planned(Plan)
    }

    // Protects everything below.
    private let condition = NSCondition()
    private var entries: [Entry]
    private var first = 0
    private var isStopped = false

    init(collections: Int) {
        entries = Array(repeating: Entry(), count: collections)
    }

    /// The next thing to do; nil when nothing is left, or the dump has stopped.
    func take() -> Order? {
        condition.lock()
        defer { condition.unlock() }
        while !isStopped {
            if let order = takeNow() { return order }
            if entries[first...].allSatisfy({ if case .planned = $0.state { $0.waiting.isEmpty } else { false } }) {
                return nil
            }
            condition.wait()
        }
        return nil
    }

    private func takeNow() -> Order? {
        for index in first..<entries.count {
            switch entries[index].state {
            case .untouched:
                entries[index].state = .planning
                return .plan(index)
            case .planning: continue
            case .planned(let plan):
                if let piece = entries[index].waiting.popFirst() { return .read(index, piece, plan: plan) }
                if index == first { first += 1 }
            }
        }
        return nil
    }

    func planned(_ index: Int, _ plan: Plan) {
        condition.lock()
        entries[index].state = .planned(plan)
        entries[index].waiting = plan.pieces[...]
        entries[index].left = plan.pieces.count
        condition.broadcast()
        condition.unlock()
    }

    /// Counts what a piece had; the sums of the collection when it was the last.
    func ended(_ index: Int, documents: Int64, bytes: Int64) -> (documents: Int64, bytes: Int64)? {
        condition.lock()
        defer { condition.unlock() }
        entries[index].documents += documents
        entries[index].bytes += bytes
        entries[index].left -= 1
        return entries[index].left == 0 ? (entries[index].documents, entries[index].bytes) : nil
    }

    func stop() {
        condition.lock()
        isStopped = true
        condition.broadcast()
        condition.unlock()
    }
}
