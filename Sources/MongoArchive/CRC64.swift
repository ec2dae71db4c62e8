internal import CIgzip

/// The archive's checksum: CRC-64/XZ (Go's `crc64.ECMA`), over the documents of one namespace in archive order.
///
/// No bytes give 0. Stored in the archive as the same 64 bits in an int64. Computed by ISA-L, with carry-less
/// multiplication where the processor has it.
package struct CRC64: Sendable, Equatable {
    package private(set) var value: UInt64 = 0

    package init() {}

    package mutating func update(_ bytes: UnsafeRawBufferPointer) {
        guard let start = bytes.baseAddress, !bytes.isEmpty else { return }
        value = cigzip_crc64(value, start, bytes.count)
    }
}
