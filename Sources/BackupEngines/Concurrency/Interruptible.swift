internal import BackupModel

/// Runs calls that block on a thread of their own, and leaves when the run is cancelled: the driver waits minutes for
/// a server that does not answer.
///
/// After a cancellation the body may still go on. What it uses must not be used by anyone else then; every caller here
/// gives up the whole restore.
func interruptibly<Value>(_ cancellation: Cancellation, _ body: @escaping () throws -> Value) throws -> Value {
    try cancellation.check()
    let call = Call(body)
    let thread = WorkThread("server") { call.run() }
    while !thread.join(within: 0.1) { try cancellation.check() }
    return try call.result()
}

/// A body and its result. One thread at a time has it: that of the body until it ends, then its caller.
private final class Call<Value>: @unchecked Sendable {
    private let body: () throws -> Value
    private var outcome: Result<Value, any Error>?

    init(_ body: @escaping () throws -> Value) {
        self.body = body
    }

    func run() { outcome = Result { try body() } }

    func result() throws -> Value {
        guard let outcome else { throw BackupError(.failed, "a call of the driver ended without a result") }
        return try outcome.get()
    }
}
