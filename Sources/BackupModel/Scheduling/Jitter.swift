/// A delay within a job's jitter that is always the same for that job, so that many jobs of one rule spread out and
/// each keeps its distance from one run to the next.
package enum Jitter {
    /// 0 to `limit - 1` seconds, by the job's name (FNV-1a, then mixed: names that differ in one character are far apart).
    package static func seconds(of job: JobName, limit: Int) -> Int {
        guard limit > 1 else { return 0 }
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in job.text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
        hash = (hash ^ (hash >> 33)) &* 0xff51_afd7_ed55_8ccd
        hash = (hash ^ (hash >> 33)) &* 0xc4ce_b9fe_1a85_ec53
        hash ^= hash >> 33
        return Int(hash % UInt64(limit))
    }
}
