import Foundation

/// TCP on 127.0.0.1, as far as tests need it.
package enum LoopbackSocket {
    /// A listening socket on a port that the system chose.
    package static func listen() throws -> (descriptor: Int32, port: Int) {
        let descriptor = try open()
        guard let port = bind(descriptor), Glibc.listen(descriptor, 64) == 0 else {
            close(descriptor)
            throw SetupError("cannot listen: \(String(cString: strerror(errno)))")
        }
        return (descriptor, port)
    }

    package static func connect(port: Int) throws -> Int32 {
        let descriptor = try open()
        guard withAddress(port: port, { Glibc.connect(descriptor, $0, $1) }) == 0 else {
            let reason = String(cString: strerror(errno))
            close(descriptor)
            throw SetupError("cannot connect to port \(port): \(reason)")
        }
        return descriptor
    }

    /// A port on which nobody listens at this moment.
    package static func freePort() throws -> Int {
        let descriptor = try open()
        defer { close(descriptor) }
        guard let port = bind(descriptor) else { throw SetupError("no free port") }
        return port
    }

    private static func open() throws -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw SetupError("no socket: \(String(cString: strerror(errno)))") }
        return descriptor
    }

    private static func bind(_ descriptor: Int32) -> Int? {
        guard withAddress(port: 0, { Glibc.bind(descriptor, $0, $1) }) == 0 else { return nil }
        var address = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
        }
        return result == 0 ? Int(UInt16(bigEndian: address.sin_port)) : nil
    }

    private static func withAddress(port: Int, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(truncatingIfNeeded: port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }
}
