import Foundation

/// How many runs may go on at once.
package struct ConcurrencyLimits: Hashable, Sendable {
    package var total: Int
    /// Of runs that load the same server.
    package var perHost: Int

    package init(total: Int = 2, perHost: Int = 1) {
        self.total = total
        self.perHost = perHost
    }
}

/// The jobs that wait for their turn, and who has one.
///
/// Fair: of those that may start, the one that waits longest does. A job whose server is busy keeps its place and
/// holds up nobody else. A job stands in it once.
struct RunQueue: Sendable {
    var limits: ConcurrencyLimits
    private(set) var runningCount = 0

    private var sequence: UInt64 = 0
    private var waiting: [JobName: Ticket] = [:]
    private var running: [JobName: [String]] = [:]
    private var runningOnHost: [String: Int] = [:]
    /// Jobs of the same servers, in their order. What has left is skipped when it comes to the front.
    private var groups: [String: Group] = [:]
    /// The front of each group that is not known to be held up.
    private var fronts = Heap<Front>()
    /// Groups that are held up, by the server that does.
    private var heldUp: [String: [String]] = [:]

    init(limits: ConcurrencyLimits) {
        self.limits = limits
    }

    var waitingCount: Int { waiting.count }

    func isWaiting(_ job: JobName) -> Bool { waiting[job] != nil }

    mutating func add(_ job: JobName, hosts: [String], since time: Date) {
        guard waiting[job] == nil else { return }
        sequence &+= 1
        let order = Order(time: time, sequence: sequence)
        let key = hosts.sorted().joined(separator: ",")
        waiting[job] = Ticket(order: order, group: key)
        groups[key, default: Group(hosts: Set(hosts).sorted())].tickets.insert(Entry(order: order, job: job))
        offer(key)
    }

    mutating func remove(_ job: JobName) {
        guard let ticket = waiting.removeValue(forKey: job) else { return }
        offer(ticket.group)
    }

    /// Gives the next job that may start, and counts it as running.
    mutating func takeNext() -> JobName? {
        while runningCount < limits.total, let front = fronts.removeFirst() {
            guard let entry = cleanFront(of: front.group), entry.order == front.order,
                let group = groups[front.group], !group.isHeldUp
            else { continue }
            if let busy = group.hosts.first(where: { runningOnHost[$0, default: 0] >= limits.perHost }) {
                groups[front.group]?.isHeldUp = true
                heldUp[busy, default: []].append(front.group)
                continue
            }
            _ = groups[front.group]?.tickets.removeFirst()
            waiting[entry.job] = nil
            running[entry.job] = group.hosts
            runningCount += 1
            for host in group.hosts { runningOnHost[host, default: 0] += 1 }
            offer(front.group)
            return entry.job
        }
        return nil
    }

    /// Counts a running job out. False when it was not running.
    @discardableResult
    mutating func release(_ job: JobName) -> Bool {
        guard let hosts = running.removeValue(forKey: job) else { return false }
        runningCount -= 1
        for host in hosts {
            let count = runningOnHost[host, default: 1] - 1
            runningOnHost[host] = count > 0 ? count : nil
            for key in heldUp.removeValue(forKey: host) ?? [] {
                groups[key]?.isHeldUp = false
                offer(key)
            }
        }
        return true
    }

    /// Puts the front of a group among those to choose from.
    private mutating func offer(_ key: String) {
        guard let entry = cleanFront(of: key) else { return }
        if groups[key]?.isHeldUp == false { fronts.insert(Front(order: entry.order, group: key)) }
    }

    /// The first of a group that still waits; a group without any is dropped.
    private mutating func cleanFront(of key: String) -> Entry? {
        while let entry = groups[key]?.tickets.first {
            if waiting[entry.job]?.order == entry.order { return entry }
            _ = groups[key]?.tickets.removeFirst()
        }
        if groups[key]?.isHeldUp == false { groups[key] = nil }
        return nil
    }
}

extension RunQueue {
    private struct Order: Comparable, Sendable {
        var time: Date
        var sequence: UInt64

        static func < (left: Order, right: Order) -> Bool {
            (left.time, left.sequence) < (right.time, right.sequence)
        }
    }

    private struct Ticket {
        var order: Order
        var group: String
    }

    private struct Entry: Comparable, Sendable {
        var order: Order
        var job: JobName

        static func < (left: Entry, right: Entry) -> Bool { left.order < right.order }
    }

    private struct Front: Comparable, Sendable {
        var order: Order
        var group: String

        static func < (left: Front, right: Front) -> Bool { left.order < right.order }
    }

    private struct Group {
        var hosts: [String]
        var tickets = Heap<Entry>()
        var isHeldUp = false
    }
}
