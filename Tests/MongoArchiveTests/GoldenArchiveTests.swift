import BackupModel
import MongoArchive
import Testing

/// Real archives, against what their maker found in them by other means.
struct GoldenArchiveTests {
    @Test(arguments: Golden.intact)
    func theIndexIsWhatWasDumped(_ golden: Golden) throws {
        let bytes = try golden.archive()
        let expected = try #require(try golden.description()["in_archive"]?.documentValue)
        let index = try index(bytes)
        #expect(Int64(index.length) == expected["uncompressed_bytes"]?.asInt64)
        #expect(Int64(index.preludeLength) == expected["prelude_bytes"]?.asInt64)
        let prelude = try #require(expected["prelude"]?.arrayValues)
        let names = prelude.map { $0.documentValue?["collection"]?.stringValue }
        #expect(index.collections.map(\.namespace.collection) == names)
        let body = try #require(expected["body"]?.documentValue)
        #expect(index.namespaces.count == body.keys.count)
        for namespace in index.namespaces {
            let found = try #require(body[namespace.dataNamespace.description]?.documentValue)
            #expect(namespace.documents == found["documents"]?.asInt64)
            #expect(namespace.bytes == found["bytes"]?.asInt64)
            #expect(UInt64(found["crc64"]?.stringValue ?? "", radix: 16) == namespace.crc64)
        }
        let header = try #require(expected["header"]?.documentValue)
        #expect(index.header.concurrentCollections.map { Int64($0) } == header["concurrent_collections"]?.asInt64)
        #expect(index.header.serverVersion == header["server_version"]?.stringValue)
        #expect(index.header.toolVersion == header["tool_version"]?.stringValue)
        #expect(!index.hangsMongorestore)
    }

    @Test(arguments: Golden.small)
    func theDocumentsAreTheSameBytes(_ golden: Golden) throws {
        let recorder = try read(try golden.archive(), into: Recorder())
        let expected = try #require(try golden.description()["in_archive"]?.documentValue)
        let body = try #require(expected["body"]?.documentValue)
        let contents = recorder.contents
        #expect(contents.count == body.keys.count)
        for (namespace, bytes) in contents {
            let found = body[namespace.description] ?? body[namespace.buckets.description]
            let sorted = documents(in: bytes).sorted { $0.lexicographicallyPrecedes($1) }
            #expect(found?.documentValue?["sha256_sorted_bson"]?.stringValue == SHA256.hex(Array(sorted.joined())))
            for document in documents(in: bytes) { _ = try BSONDocument(validating: document) }
        }
    }

    /// The description has what the server said; special namespaces have no metadata. A dump of views as collections
    /// leaves their options out. Old tools shuffle names.
    @Test(arguments: Golden.small.filter { !$0.name.contains("03c") })
    func optionsAndIndexesAreTheServers(_ golden: Golden) throws {
        let namespaces = try #require(try golden.description()["namespaces"]?.documentValue)
        let isOld = golden.name.hasPrefix("08-old")
        for collection in try read(try golden.archive(), into: Recorder()).collections {
            guard let expected = namespaces[collection.namespace.description]?.documentValue else { continue }
            guard let metadata = try collection.metadata() else { continue }
            let options = try #require(expected["options"]?.documentValue)
            let indexes = (expected["indexes"]?.arrayValues ?? []).compactMap(\.documentValue)
            let name = Comment(rawValue: collection.namespace.description)
            #expect(isOld ? metadata.options.sorted == options.sorted : metadata.options == options, name)
            #expect(isOld ? metadata.indexes.map(\.sorted) == indexes.map(\.sorted) : metadata.indexes == indexes, name)
        }
    }

    /// Tools since 4.2 write canonical JSON: read and written again it is the same text.
    @Test(arguments: Golden.small.filter { !$0.name.contains("r3.") && !$0.name.contains("r4.0") })
    func canonicalMetadataComesBackAsTheSameText(_ golden: Golden) throws {
        for collection in try index(try golden.archive()).collections where !collection.metadataJSON.isEmpty {
            let document = try ExtendedJSON.parse(collection.metadataJSON)
            #expect(try ExtendedJSON.reversible(document) == collection.metadataJSON)
            guard !golden.name.contains("r4.2") else { continue }
            #expect(try collection.metadata()?.json() == collection.metadataJSON)
        }
    }

    @Test func timeSeriesAreFoundUnderTheirBuckets() throws {
        let index = try index(try Golden(name: "03-features.archive.gz").archive())
        let series = try #require(index.namespaces.first { $0.kind == .timeseries })
        #expect(series.dataNamespace == series.namespace.buckets)
        let old = try MongoArchiveTests.index(try Golden(name: "08-old/r4.2.25-features.archive.gz").archive())
        let unpacked = try #require(old.namespaces.first { $0.kind == .timeseries })
        #expect(unpacked.dataNamespace == unpacked.namespace)
    }

    @Test func interleavedNamespacesHaveSeveralRangesThatCoverTheBody() throws {
        let index = try index(try Golden(name: "01c-interleaved.archive.gz").archive())
        #expect(index.namespaces.allSatisfy { $0.ranges.count > 1 })
        let ranges = index.namespaces.flatMap(\.ranges).sorted { $0.lowerBound < $1.lowerBound }
        #expect(ranges.first?.lowerBound == index.preludeLength)
        #expect(ranges.last?.upperBound == index.length)
        #expect(zip(ranges, ranges.dropFirst()).allSatisfy { $0.upperBound == $1.lowerBound })
        #expect(index.maximumOpen == 5)
    }
}

extension BSONDocument {
    /// For comparing what tools that shuffle names have written; the server of the old ones added `ns`.
    fileprivate var sorted: BSONDocument {
        let pairs = elements.filter { $0.key != "ns" }.map { ($0.key, $0.value.sorted) }
        return BSONDocument(pairs.sorted { $0.0 < $1.0 })
    }
}

extension BSONValue {
    fileprivate var sorted: BSONValue {
        switch self {
        case .document(let document): .document(document.sorted)
        case .array(let document): .array(document.elements.map { $0.value.sorted })
        default: self
        }
    }
}
