import Foundation

/// Makes time zone files for tests.
struct TZifBytes {
    var version = UInt8(ascii: "2")
    var initialOffset = 0
    var changes: [(at: Int, offset: Int)] = []
    var footer = ""
    var leapSeconds = 0

    var bytes: [UInt8] {
        let offsets = [initialOffset] + changes.map(\.offset)
        var result = header(times: 0, types: 1) + number(0, 4) + [0, 0] + Array("UTC\0".utf8)
        result += header(times: changes.count, types: offsets.count)
        for change in changes { result += number(change.at, 8) }
        for index in changes.indices { result.append(UInt8(index + 1)) }
        for offset in offsets { result += number(offset, 4) + [0, 0] }
        result += Array("UTC\0".utf8)
        for _ in 0..<leapSeconds { result += number(78_796_800, 8) + number(1, 4) }
        return result + Array("\n\(footer)\n".utf8)
    }

    private func header(times: Int, types: Int) -> [UInt8] {
        let isSecond = times != 0 || types != 1 || changes.isEmpty
        let counts = [0, 0, isSecond ? leapSeconds : 0, times, types, 4]
        return Array("TZif".utf8) + [version] + Array(repeating: 0, count: 15) + counts.flatMap { number($0, 4) }
    }

    private func number(_ value: Int, _ width: Int) -> [UInt8] {
        (0..<width).reversed().map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
    }
}
