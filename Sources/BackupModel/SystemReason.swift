import Foundation

/// What the system says of an `errno`, as a clause: `no such file or directory`.
package func systemReason(_ number: Int32) -> String {
    let text = String(cString: strerror(number))
    return text.prefix(1).lowercased() + text.dropFirst()
}
