import BackupModel

/// The namespaces of a prelude and how far each has come.
struct NamespaceTable {
    struct Entry {
        /// As in the prelude.
        let namespace: Namespace
        /// As in its first block.
        var storedAs: Namespace
        var isOpen = false
        var hasEnded = false
        var crc = CRC64()
        var documents: Int64 = 0
        var bytes: Int64 = 0
    }

    private var entries: [Entry] = []
    private var places: [Namespace: Int] = [:]
    /// Dropped when the prelude has ended.
    private var collections: [ArchiveCollection] = []

    var count: Int { entries.count }

    subscript(index: Int) -> Entry { entries[index] }

    /// Adds a namespace; false when the same document was there before. Two that differ are damage.
    mutating func announce(_ collection: ArchiveCollection) throws(FieldError) -> Bool {
        if let place = places[collection.namespace] {
            guard collections[place] == collection else {
                throw FieldError("'\(collection.namespace)' is there twice and differs")
            }
            return false
        }
        places[collection.namespace] = entries.count
        entries.append(Entry(namespace: collection.namespace, storedAs: collection.namespace))
        collections.append(collection)
        return true
    }

    /// After the prelude: a time series may be stored under its own name or under that of its buckets.
    mutating func close() throws(FieldError) {
        for (index, collection) in collections.enumerated() where collection.kind == .timeseries {
            guard places.updateValue(index, forKey: collection.namespace.buckets) == nil else {
                throw FieldError("'\(collection.namespace.buckets)' is there beside its time series")
            }
        }
        collections = []
    }

    /// Nil when it is not announced, or when it is the other name of a time series that has begun.
    func find(_ namespace: Namespace) -> Int? {
        guard let index = places[namespace] else { return nil }
        let entry = entries[index]
        return entry.isOpen && entry.storedAs != namespace ? nil : index
    }

    mutating func open(_ index: Int, storedAs: Namespace) {
        entries[index].isOpen = true
        entries[index].storedAs = storedAs
    }

    mutating func add(_ span: UnsafeRawBufferPointer, count: Int, to index: Int) {
        entries[index].crc.update(span)
        entries[index].documents &+= Int64(count)
        entries[index].bytes &+= Int64(span.count)
    }

    mutating func end(_ index: Int) {
        entries[index].isOpen = false
        entries[index].hasEnded = true
    }

    /// Those that are required or have begun, and have not ended.
    func incomplete(_ isRequired: (Namespace) -> Bool) -> [Namespace] {
        entries.filter { !$0.hasEnded && ($0.isOpen || isRequired($0.namespace)) }.map(\.namespace)
    }
}
