/// Whether bytes look as those do that cannot be compressed: pictures, videos, archives, what is encrypted. Most of GridFS
/// is made of them, and an encoder is slowest where it finds nothing.
///
/// A false answer costs time or space, never a document. A mixture with some 4 % to gain can pass for even, and so can what
/// repeats itself, but not in the middle of a block.
enum Compressibility {
    /// Bytes of the trial in the middle of a block: twice the window of deflate, so that half of them have all of it.
    static let trialLength = 1 << 16
    /// What the trial must save to be worth compressing the rest, as a share of it.
    static let leastGain = 1.0 / 128

    private static let pieces = 16
    private static let pieceLength = 1 << 10

    /// Whether all values of a byte are about as frequent. Cheap, and not the last word: what repeats
    /// itself can be even too.
    static func isEven(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.count >= trialLength else { return false }
        return withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 256) { counts in
            counts.initialize(repeating: 0)
            let stride = (bytes.count - pieceLength) / (pieces - 1)
            for piece in 0..<pieces {
                let start = piece * stride
                for byte in bytes[start..<(start + pieceLength)] { counts[Int(byte)] += 1 }
            }
            // Of bytes by chance, two are equal one time in 256; of compressed ones, hardly more often.
            let equal = counts.reduce(into: 0) { $0 += UInt64($1) * UInt64($1) }
            let sampled = UInt64(pieces * pieceLength)
            return equal * 256 * 16 < sampled * sampled * 17
        }
    }

    /// The part to try.
    static func trial(of bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        let start = (bytes.count - trialLength) / 2
        return UnsafeRawBufferPointer(rebasing: bytes[start..<(start + trialLength)])
    }
}
