import Foundation
import Synchronization

/// What `body` makes of each element, in their order; as many as there are cores are worked on at the same time.
package func onAllCores<Element: Sendable, Made: Sendable, Failure: Error>(
    _ elements: [Element], _ body: @Sendable (Element) throws(Failure) -> Made
) throws(Failure) -> [Made] {
    let results = Mutex([Int: Result<Made, Failure>]())
    DispatchQueue.concurrentPerform(iterations: elements.count) { number in
        let result: Result<Made, Failure>
        do throws(Failure) {
            result = .success(try body(elements[number]))
        } catch {
            result = .failure(error)
        }
        results.withLock { $0[number] = result }
    }
    let done = results.withLock { $0 }
    var made: [Made] = []
    made.reserveCapacity(elements.count)
    for number in elements.indices {
        if let result = done[number] { made.append(try result.get()) }
    }
    return made
}
