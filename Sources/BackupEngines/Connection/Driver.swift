internal import CMongoc

/// The C driver's own start, once per process; it needs no end.
enum Driver {
    private static let started: Void = cm_start()

    static func start() { _ = started }
}
