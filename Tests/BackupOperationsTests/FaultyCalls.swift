import BackupStorage
import Foundation
import Synchronization

/// The real file system with one fault, at the call of a number. Every call counts but those that cannot fail.
final class FaultyCalls: FileCalls {
    enum Fault: Sendable {
        case fails(Int32)
        /// All calls from there on.
        case failsForever(Int32)
        /// Ends the process as `kill -9` does, before the call.
        case kills
        /// Writes something else than it was told.
        case flipsBytes
    }

    private let system = SystemFileCalls()
    private let fault: Fault
    private let place: Int
    private let state = Mutex(State())

    private struct State {
        var count = 0
        var names: [String] = []
        var open: Set<Int32> = []
        var closedTwice = 0
    }

    init(_ fault: Fault, at place: Int) {
        self.fault = fault
        self.place = place
    }

    /// Counts and does no harm.
    static func counting() -> FaultyCalls { FaultyCalls(.fails(0), at: .max) }

    var count: Int { state.withLock { $0.count } }
    /// The calls that were made, in their order.
    var names: [String] { state.withLock { $0.names } }

    /// Descriptors that were closed though they were not open: by then they may be somebody else's.
    var closedTwice: Int { state.withLock { $0.closedTwice } }

    private func opened(_ descriptor: Int32) -> Int32 {
        state.withLock { _ = $0.open.insert(descriptor) }
        return descriptor
    }

    private func step(_ name: String = #function) throws {
        let number = state.withLock { state in
            state.count += 1
            state.names.append(name)
            return state.count
        }
        switch fault {
        case .fails(let code): if number == place { throw CallFailed(code) }
        case .failsForever(let code): if number >= place { throw CallFailed(code) }
        case .kills: if number == place { kill(getpid(), SIGKILL) }
        case .flipsBytes: break
        }
    }

    func close(_ descriptor: Int32) {
        let isOpen = state.withLock { state in
            if state.open.remove(descriptor) != nil { return true }
            state.closedTwice += 1
            return false
        }
        // The other tests of this process need theirs.
        if isOpen { system.close(descriptor) }
    }

    func startWriting(_ descriptor: Int32, from offset: UInt64, count: UInt64) {}
    func dropCache(_ descriptor: Int32) { system.dropCache(descriptor) }

    func openDirectory(path: String) throws -> Int32 {
        try step()
        return opened(try system.openDirectory(path: path))
    }

    func open(_ name: String, in folder: Int32, flags: Int32, mode: mode_t) throws -> Int32 {
        try step()
        return opened(try system.open(name, in: folder, flags: flags, mode: mode))
    }

    func write(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32) throws -> Int {
        try step()
        guard case .flipsBytes = fault else {
            // Short writes are legal at any time.
            let part = UnsafeRawBufferPointer(rebasing: bytes.prefix(max(1, bytes.count / 2)))
            return try system.write(part, to: descriptor)
        }
        var wrong = Array(bytes)
        wrong[wrong.count / 2] ^= 4
        return try wrong.withUnsafeBytes { try system.write($0, to: descriptor) }
    }

    func sync(_ descriptor: Int32) throws {
        try step()
        try system.sync(descriptor)
    }

    func setMode(_ mode: mode_t, of descriptor: Int32) throws {
        try step()
        try system.setMode(mode, of: descriptor)
    }

    func makeFolder(_ name: String, in folder: Int32) throws {
        try step()
        try system.makeFolder(name, in: folder)
    }

    func renameNew(_ name: String, in folder: Int32, to newName: String, in newFolder: Int32) throws {
        try step()
        try system.renameNew(name, in: folder, to: newName, in: newFolder)
    }

    func remove(_ name: String, in folder: Int32) throws {
        try step()
        try system.remove(name, in: folder)
    }

    func status(path: String) throws -> stat {
        try step()
        return try system.status(path: path)
    }

    func status(of descriptor: Int32) throws -> stat {
        try step()
        return try system.status(of: descriptor)
    }

    func status(_ name: String, in folder: Int32) throws -> stat {
        try step()
        return try system.status(name, in: folder)
    }

    func names(in folder: Int32) throws -> [String] {
        try step()
        return try system.names(in: folder)
    }

    func lock(_ descriptor: Int32, _ operation: Int32) throws {
        try step()
        try Self.refuseAsNetworksDo(descriptor, operation)
        try system.lock(descriptor, operation)
    }

    /// NFS gives exclusive locks to those only who may write (`flock(2)`).
    private static func refuseAsNetworksDo(_ descriptor: Int32, _ operation: Int32) throws {
        let mode = fcntl(descriptor, F_GETFL) & O_ACCMODE
        if operation & LOCK_EX != 0, mode == O_RDONLY { throw CallFailed(EBADF) }
    }
}
