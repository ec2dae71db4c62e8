import MongoArchive
import Testing

struct CRC64Tests {
    private func checksum(_ bytes: [UInt8]) -> UInt64 {
        var crc = CRC64()
        bytes.withUnsafeBytes { crc.update($0) }
        return crc.value
    }

    @Test func theCheckValueOfTheCatalogueComesOut() {
        #expect(checksum(Array("123456789".utf8)) == 0x995D_C9BB_DF19_39FA)
        #expect(checksum([]) == 0)
    }

    @Test func manyBytesAtOnceGiveWhatSingleBytesGive() {
        var dice = Dice(1)
        let bytes = (0..<300).map { _ in UInt8.random(in: .min ... .max, using: &dice) }
        for count in 0...bytes.count {
            var single = CRC64()
            for byte in bytes[..<count] { withUnsafeBytes(of: byte) { single.update($0) } }
            #expect(checksum(Array(bytes[..<count])) == single.value)
            var cut = CRC64()
            bytes[..<(count / 3)].withUnsafeBytes { cut.update($0) }
            bytes[(count / 3)..<count].withUnsafeBytes { cut.update($0) }
            #expect(cut.value == single.value)
        }
    }
}
