/// How a job's engine goes about a dump, where its tools are, and what the archive may cost.
package struct EngineSettings: Hashable, Sendable {
    package var place: ToolPlace
    package var dump: DumpOptions
    package var effort: Effort

    package init(place: ToolPlace = ToolPlace(), dump: DumpOptions = DumpOptions(), effort: Effort = Effort()) {
        self.place = place
        self.dump = dump
        self.effort = effort
    }

    package var isDefault: Bool { self == EngineSettings() }
}

extension EngineSettings: Codable {
    private enum Key: String, CodingKey {
        case place, dump, effort
    }

    package init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: Key.self)
        self.init(
            place: try values.decode(ToolPlace.self, forKey: .place),
            dump: try values.decode(DumpOptions.self, forKey: .dump),
            effort: values.contains(.effort) ? try values.decode(Effort.self, forKey: .effort) : Effort())
    }

    /// What is written without an effort of its own is what was written before there were any.
    package func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: Key.self)
        try values.encode(place, forKey: .place)
        try values.encode(dump, forKey: .dump)
        if !effort.isDefault { try values.encode(effort, forKey: .effort) }
    }
}

/// Where `mongodump` and `mongorestore` are: in a folder of this machine, or in an image.
package struct ToolPlace: Hashable, Sendable, Codable {
    /// An absolute path; without it the folders of `PATH`.
    package var toolsDirectory: String?
    /// For the engine `docker`, which does not guess one.
    package var image: String?
    package var runtime: ContainerRuntime?
    /// The container's network, as `--network` of the runtime has it.
    package var network: String?

    package init(
        toolsDirectory: String? = nil, image: String? = nil, runtime: ContainerRuntime? = nil, network: String? = nil
    ) {
        self.toolsDirectory = toolsDirectory
        self.image = image
        self.runtime = runtime
        self.network = network
    }

    package var isContainer: Bool { image != nil || runtime != nil || network != nil }
}

package enum ContainerRuntime: String, Hashable, Sendable, Codable, CaseIterable {
    case docker, podman
}

/// What of mongodump's options a job may set.
package struct DumpOptions: Hashable, Sendable, Codable {
    /// A mode (`secondaryPreferred`); wins over that of the URI.
    package var readPreference: ReadPreference?
    /// A filter in Extended JSON for the documents of one collection.
    package var query: String?
    /// Takes the oplog of the time of the dump along, so that the whole can be brought to one moment.
    package var oplog: Bool
    /// How many collections are read at once, and by the built-in engine also parts of a large one.
    package var parallelCollections: Int?
    /// Further arguments of `mongodump`, as they are.
    package var extraArguments: [String]

    package init(
        readPreference: ReadPreference? = nil, query: String? = nil, oplog: Bool = false,
        parallelCollections: Int? = nil, extraArguments: [String] = []
    ) {
        self.readPreference = readPreference
        self.query = query
        self.oplog = oplog
        self.parallelCollections = parallelCollections
        self.extraArguments = extraArguments
    }
}

package enum ReadPreference: String, Hashable, Sendable, Codable, CaseIterable {
    case primary, primaryPreferred, secondary, secondaryPreferred, nearest
}

/// What of mongorestore's options a restore may set.
package struct LoadOptions: Hashable, Sendable {
    package var parallelCollections: Int?
    /// How many connections insert: of mongorestore for each collection, of the built-in engine in all.
    package var insertionWorkers: Int?
    /// `majority`, a number of members, or a document in Extended JSON, as `--writeConcern` of the tool has it.
    package var writeConcern: String?
    /// Gives collections the ids that they had; they must be dropped for it, and not renamed.
    package var preservesUUID: Bool
    /// Inserts in the order of the archive, and stops at the first document that cannot be.
    package var maintainsOrder: Bool
    /// Applies the oplog of the archive to what was restored.
    package var replaysOplog: Bool
    package var extraArguments: [String]

    package init(
        parallelCollections: Int? = nil, insertionWorkers: Int? = nil, writeConcern: String? = nil,
        preservesUUID: Bool = false, maintainsOrder: Bool = false, replaysOplog: Bool = false,
        extraArguments: [String] = []
    ) {
        self.parallelCollections = parallelCollections
        self.insertionWorkers = insertionWorkers
        self.writeConcern = writeConcern
        self.preservesUUID = preservesUUID
        self.maintainsOrder = maintainsOrder
        self.replaysOplog = replaysOplog
        self.extraArguments = extraArguments
    }
}
