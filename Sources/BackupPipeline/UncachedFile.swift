import CLinux
import Glibc

/// A file that is read from the disk and not from the system's memory: what is read is what is there, and it takes nobody
/// else's place in that memory. On file systems that cannot do so it is read as usual.
///
/// Each source has a thread that reads ahead, for here the system does not, and 3 MiB of memory.
package final class UncachedFile: StoredFile {
    private let file: DiskFile

    /// Nobody else may read by this file's descriptor.
    package init(_ file: DiskFile) {
        self.file = file
        _ = csystem_read_past_cache(file.descriptor, 1)
    }

    package var size: UInt64 { file.size }
    package var name: String { file.name }

    package func source(_ range: Range<UInt64>) -> any ByteSource {
        let blocks = BlockSource(file, range)
        let ahead = try? ReadAheadSource(blocks) {
            ByteBuffer(capacity: BlockSource.capacity, alignment: BlockSource.block, isForDevice: true)
        }
        return ahead ?? blocks
    }
}

/// A range of an open file, read in whole blocks into memory that begins at the start of one, as O_DIRECT wants it
/// (open(2)): 4 KiB are enough for all usual disks, and where they are not, the file is read through the cache.
private final class BlockSource: ByteSource {
    static let block = 4096
    static let capacity = 1 << 20

    private let file: DiskFile
    /// One block, for what does not begin or end with one.
    private let own = ByteBuffer(capacity: block, alignment: block, isForDevice: true)
    private var offset: UInt64
    private let end: UInt64

    init(_ file: DiskFile, _ range: Range<UInt64>) {
        self.file = file
        offset = range.lowerBound
        end = range.upperBound
    }

    func read(into target: UnsafeMutableRawBufferPointer) throws -> Int {
        guard offset < end, !target.isEmpty else { return 0 }
        let count = isInBlocks(target) ? try readBlocks(into: target) : try copy(into: target)
        offset += UInt64(count)
        return count
    }

    private func isInBlocks(_ target: UnsafeMutableRawBufferPointer) -> Bool {
        offset % UInt64(Self.block) == 0 && Int(bitPattern: target.baseAddress) % Self.block == 0
            && target.count >= Self.block
    }

    private func readBlocks(into target: UnsafeMutableRawBufferPointer) throws -> Int {
        let count = try readFile(target, at: offset)
        guard count > 0 else { throw file.ends(at: offset, before: end) }
        return Int(min(UInt64(count), end - offset))
    }

    private func copy(into target: UnsafeMutableRawBufferPointer) throws -> Int {
        let start = Int(offset % UInt64(Self.block))
        let held = try readFile(own.memory, at: offset - UInt64(start))
        guard held > start else { throw file.ends(at: offset, before: end) }
        let count = min(target.count, held - start, Int(clamping: end - offset))
        target.copyMemory(from: UnsafeRawBufferPointer(rebasing: own.memory[start..<(start + count)]))
        return count
    }

    /// Fills as much of the memory as is left of the range, rounded up to a whole block.
    private func readFile(_ memory: UnsafeMutableRawBufferPointer, at start: UInt64) throws -> Int {
        let block = UInt64(Self.block)
        let left = (end - start - 1) / block + 1
        let length = Int(min(UInt64(memory.count) / block, left) * block)
        return try file.read(UnsafeMutableRawBufferPointer(rebasing: memory[..<length]), at: start) {
            csystem_read_past_cache(file.descriptor, 0) == 0
        }
    }
}
