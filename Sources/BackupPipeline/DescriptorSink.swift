import BackupModel
import Glibc

/// Writes to a descriptor that is open already, such as standard output; in large pieces, whatever it is given.
package final class DescriptorSink: ByteSink {
    private let descriptor: Int32
    private let name: String
    private let buffer = ByteBuffer(capacity: 1 << 16)

    /// `name` is what an error calls it.
    package init(_ descriptor: Int32, name: String) {
        self.descriptor = descriptor
        self.name = name
    }

    package func write(_ bytes: UnsafeRawBufferPointer) throws {
        if bytes.count > buffer.room.count { try flush() }
        if bytes.count >= buffer.capacity { try put(bytes) } else { _ = buffer.append(bytes) }
    }

    package func finish() throws { try flush() }

    private func flush() throws {
        try put(buffer.bytes)
        buffer.reset()
    }

    private func put(_ bytes: UnsafeRawBufferPointer) throws {
        var rest = bytes
        while !rest.isEmpty {
            let count = Glibc.write(descriptor, rest.baseAddress, rest.count)
            if count > 0 {
                rest = UnsafeRawBufferPointer(rebasing: rest[count...])
                continue
            }
            switch errno {
            case EINTR: continue
            case EAGAIN:
                // Whoever gave it to us may have made it so that it does not wait.
                var wanted = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                poll(&wanted, 1, -1)
            case EPIPE: throw ReaderGone()
            default: throw BackupError(.failed, "cannot write to \(name): \(systemReason(errno))")
            }
        }
    }
}

/// Thrown when nobody reads any more what is written.
package struct ReaderGone: Error, CustomStringConvertible {
    package var description: String { "nobody reads it any more" }
}
