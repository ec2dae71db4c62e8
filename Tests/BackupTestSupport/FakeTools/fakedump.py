"""What mongodump does: from a server to an archive."""

import os
import threading
import time
import zlib
from types import SimpleNamespace

import fakearchive
import fakeclient
from faketools import ToolError, Unlike, plural, quoted

CONFIG_KEPT = {"chunks", "collections", "databases", "settings", "shards", "tags", "version"}
SPECIAL = ("system.users", "system.roles", "system.version")
SPOOLED = {"truncated", "empty", "drip", "hang-midway", "ignore-term", "fork", "die-by-signal"}


class Terminated(Exception):
    """A signal came."""


class Output:
    """Where the archive goes; in the modes that need to know its middle, only when it is whole."""

    def __init__(self, tool, given):
        self.tool, self.spool = tool, [] if tool.mode in SPOOLED else None
        self.stage = "error writing metadata into archive"
        self.path, self.descriptor = given["archive"], 1
        if self.path != "-":
            if os.path.isdir(self.path):
                self.path = os.path.join(self.path, "archive.gz" if given.get("gzip") else "archive")
            try:
                self.descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
            except OSError as error:
                raise ToolError(f"open {self.path}: {error.strerror.lower()}") from None
        # One member, as Go writes it: no name, no time, an unknown system.
        self.deflate = zlib.compressobj(6, zlib.DEFLATED, -15) if given.get("gzip") else None
        self.crc = self.length = 0
        if self.deflate:
            self.put(b"\x1f\x8b\x08\0\0\0\0\0\0\xff")

    def write(self, data):
        if self.deflate:
            self.crc, self.length = zlib.crc32(data, self.crc), self.length + len(data)
            data = self.deflate.compress(data)
        self.put(data)

    def put(self, data):
        if self.spool is not None:
            self.spool.append(data)
            return
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self.descriptor, view):]
        except OSError as error:
            where = "/dev/stdout" if self.descriptor == 1 else self.path
            raise ToolError(f"{self.stage}: write {where}: {error.strerror.lower()}") from None

    def finish(self):
        if self.deflate:
            self.put(self.deflate.flush() + (self.crc & 0xFFFFFFFF).to_bytes(4, "little") +
                     (self.length & 0xFFFFFFFF).to_bytes(4, "little"))
        if self.spool is None:
            return
        whole, self.spool = b"".join(self.spool), None
        options, mode = self.tool.options, self.tool.mode
        if mode == "truncated":
            self.put(whole[:options.get("bytes", len(whole) // 2)])
        elif mode == "drip":
            slow = options.get("bytes", len(whole))
            for at in range(min(slow, len(whole))):
                self.put(whole[at:at + 1])
                time.sleep(options.get("delay", 0.05))
            self.put(whole[slow:])
        elif mode != "empty":
            self.put(whole[:len(whole) // 2])
            self.tool.midway()
            self.put(whole[len(whole) // 2:])


class Dump:
    def __init__(self, tool, given):
        self.tool, self.given = tool, given
        self.database, self.only = given.get("db"), given.get("collection")
        self.jobs = given.get("numParallelCollections", 4)
        self.query = fakearchive.from_json(given["query"]) if given.get("query") else {}
        self.bars, self.interrupted = [], False

    def check_options(self):
        given = self.given
        excluded = [f"exclude{what}" for what in ("Collection", "CollectionsWithPrefix") if given.get(f"exclude{what}")]
        rules = [
            (self.only and not self.database, "cannot dump a collection without a specified database"),
            (given.get("query") and not self.only, "cannot dump using a query without a specified collection"),
            (given.get("dumpDbUsersAndRoles") and not self.database,
             "must specify a database when running with dumpDbUsersAndRoles"),
            (given.get("dumpDbUsersAndRoles") and self.only,
             "cannot specify a collection when running with dumpDbUsersAndRoles"),
            ((self.only or "").startswith("system.buckets."),
             "cannot specify a system.buckets collection in --collection. Specifying the timeseries collection will "
             "dump the system.buckets collection"),
            (given.get("oplog") and self.database, "--oplog mode only supported on full dumps"),
            (excluded and self.only, f"--collection is not allowed when --{(excluded or [''])[0]} is specified"),
            (excluded and not self.database, f"--db is required when --{(excluded or [''])[0]} is specified"),
            (given.get("out"), "--out not allowed when --archive is specified"),
            (self.jobs <= 0, "numParallelCollections must be positive"),
        ]
        for broken, text in rules:
            if broken:
                raise ToolError(f"bad option: {text}")
        for name in ("queryFile", "viewsAsCollections"):
            if given.get(name):
                raise Unlike(f"no --{name}")

    # What to dump

    def collections(self, database):
        """What listCollections has, with exact options, without what the tool leaves out."""
        from bson import CodecOptions
        from bson.codec_options import DatetimeConversion
        options = CodecOptions(datetime_conversion=DatetimeConversion.DATETIME_MS)
        self.codec = options
        source = fakeclient.database(self.client, database, codec_options=options)
        for found in source.list_collections():
            name = found["name"]
            if self.only:
                if name != self.only:
                    continue
            elif self.is_skipped(database, name):
                continue
            yield SimpleNamespace(
                database=database, name=name, kind=found.get("type", "collection"), options=found.get("options", {}),
                uuid=bytes(found.get("info", {}).get("uuid", b"")).hex(), size=0,
                data=f"system.buckets.{name}" if found.get("type") == "timeseries" else name)

    def is_skipped(self, database, name):
        given = self.given
        if name in given.get("excludeCollection", []):
            return True
        if any(name.startswith(prefix) for prefix in given.get("excludeCollectionsWithPrefix", [])):
            return True
        if database == "admin" and (name == "system.keys" or name in SPECIAL):
            return name == "system.keys"
        if database == "config":
            return not self.database and name not in CONFIG_KEPT
        if name == "system.js":
            return False
        return name.startswith("system.") or "$" in name

    def intents(self):
        if self.database:
            names = [self.database]
        else:
            try:
                names = [n for n in self.client.list_database_names() if n != "local"]
            except self.errors as error:
                raise ToolError("error creating intents to dump: error getting database names: "
                                f"{fakeclient.words(error)}") from None
        for name in names:
            if name.startswith("__mdb_internal") and not self.database:
                self.tool.log(f"excluding MongoDB internal database {quoted(name)}")
                continue
            try:
                for intent in self.collections(name):
                    if intent.kind == "collection":
                        counting = fakeclient.database(self.client, name)
                        intent.size = counting.command("count", intent.name)["n"]
                    yield intent
            except self.errors as error:
                raise ToolError(
                    f"error creating intents to dump: error getting collections for database {quoted(name)}: "
                    f"{fakeclient.words(error)}") from None

    def metadata(self, intent):
        import bson
        found = {"options": intent.options} if intent.options else {}
        found["indexes"] = [] if intent.kind == "view" else fakeclient.indexes(
            self.client, intent.database, intent.name, self.codec)
        if intent.uuid:
            found["uuid"] = intent.uuid
        found.update(collectionName=intent.name, type=intent.kind)
        text = fakearchive.to_json(found)
        try:
            same = bson.encode(fakearchive.from_json(text)) == bson.encode(found)
        except (ValueError, TypeError, KeyError, bson.errors.BSONError):
            same = False
        if not same:
            raise ToolError("error dumping metadata: error marshaling metadata json for collection "
                            f"{quoted(intent.database + '.' + intent.name)}: marshaling BSON to ExtJSON and back "
                            "resulted in discrepancies")
        return text

    # The dump itself

    def run(self):
        from pymongo import errors
        self.errors = (errors.PyMongoError,)
        self.client = self.tool.connect(self.given)
        self.check_options()
        if self.tool.mode == "hang-before-first-byte":
            self.tool.hang()
        if self.only and not any(True for _ in self.collections(self.database)):
            self.tool.log(f"namespace with DB {quoted(self.database)} and collection {quoted(self.only)} "
                          "does not exist")
            return
        self.tool.started = True
        self.output = output = Output(self.tool, self.given)
        self.writer = fakearchive.Writer(output.write, self.tool.options.get("buffer", fakearchive.LARGEST))
        try:
            self.dump_all()
        finally:
            # As the real one does, which is the trap: what was begun is ended with its right checksum.
            for entry in list(self.writer.open):
                self.writer.end(entry)
            output.finish()

    def dump_all(self):
        version = self.client.server_info()["version"]
        start = self.oplog_start() if self.given.get("oplog") else None
        intents = list(self.intents())
        described = [(i.database, i.name, self.metadata(i), i.kind) for i in intents]
        if start:
            described.append(("", "oplog", "", ""))
        users_of = self.database if self.given.get("dumpDbUsersAndRoles") else None
        if users_of and users_of != "admin":
            described += [(users_of, f"$admin.{name}", "", "") for name in SPECIAL]
        self.writer.prelude(self.jobs, version, self.tool.version, described)
        self.output.stage = "archive writer"
        special = [i for i in intents if i.database == "admin" and i.name in SPECIAL]
        for intent in sorted(special, key=lambda i: SPECIAL.index(i.name)):
            self.dump_side_by_side([intent])
        if users_of:
            self.tool.log(f"dumping users and roles for {quoted(users_of)}")
            self.dump_users(users_of)
        rest = [i for i in intents if i not in special]
        threading.Thread(target=self.show_progress, daemon=True).start()
        self.dump_side_by_side(sorted(rest, key=lambda i: -i.size))
        if start:
            self.dump_oplog(start)

    def dump_side_by_side(self, intents):
        """Up to -j collections at a time, a batch of each in turn."""
        waiting, running, intent = list(intents), [], None
        try:
            while waiting or running:
                while waiting and len(running) < self.jobs:
                    intent = waiting.pop(0)
                    running.append((intent, self.dump_one(intent)))
                for pair in list(running):
                    intent, steps = pair
                    if next(steps, self) is self:
                        running.remove(pair)
        except Terminated:
            raise ToolError("error writing data for collection "
                            f"{quoted(intent.database + '.' + intent.name)} to disk: received termination "
                            "signal") from None
        except self.errors as error:
            raise ToolError("error writing data for collection "
                            f"{quoted(intent.database + '.' + intent.name)} to disk: error reading collection: "
                            f"{fakeclient.words(error)}") from None

    def dump_one(self, intent):
        shown = quoted(f"{intent.database}.{intent.data}")
        place = "archive on stdout" if self.given["archive"] == "-" else f"archive {quoted(self.given['archive'])}"
        self.tool.log(f"writing {shown} to {quoted(place)}")
        entry = self.writer.begin(intent.database, intent.data)
        bar = [f"{intent.database}.{intent.name}", entry, intent.size]
        self.bars.append(bar)
        if intent.kind != "view":
            source = fakeclient.collection(self.client, intent.database, intent.data)
            if self.query and intent.kind == "timeseries":
                raise Unlike("no --query of a time series")
            hint = {} if self.query else {"hint": [("$natural", 1)]}
            for batch in source.find_raw_batches(self.query, **hint):
                for document in fakearchive.split(batch):
                    if self.is_enough(intent, entry):
                        raise Terminated
                    self.writer.add(entry, (document,))
                if self.tool.stopping:
                    raise Terminated
                yield
        count = entry.count
        self.writer.end(entry)
        self.bars.remove(bar)
        if self.tool.mode == "wrong-counts" and not self.interrupted:
            count, self.interrupted = count + self.tool.options.get("by", 1), True
        self.tool.log(f"done dumping {shown} ({plural(count, 'document')})")

    def is_enough(self, intent, entry):
        wanted = self.tool.options.get("documents", intent.size // 2)
        if self.tool.mode == "interrupted-like" and not self.interrupted and entry.count >= wanted:
            self.interrupted = True
            self.tool.log("signal 'terminated' received; attempting to shut down")
        return self.interrupted and self.tool.mode == "interrupted-like"

    def dump_users(self, database):
        if database == "admin":
            self.tool.log("skipping users/roles dump, already dumped admin database")
            return
        for name in SPECIAL:
            query = {} if name == "system.version" else {"db": database}
            self.dump_raw(database, f"$admin.{name}", self.client.admin[name].find_raw_batches(query))

    def dump_raw(self, database, name, batches, check=lambda document: None):
        entry = self.writer.begin(database, name)
        for batch in batches:
            for document in fakearchive.split(batch):
                check(document)
                self.writer.add(entry, (document,))
        self.writer.end(entry)
        return entry.count

    # The oplog

    def oplog_end(self, which, direction=-1):
        entry = self.client.local["oplog.rs"].find_one(sort=[("$natural", direction)])
        if not entry:
            raise ToolError(f"error getting oplog {which}: error getting recent oplog entry: mongo: no documents in "
                            "result")
        return entry["ts"]

    def oplog_start(self):
        busy = self.client.config.transactions.find_one(
            {"state": {"$in": ["prepared", "inProgress"]}}, sort=[("startOpTime", 1)])
        return busy["startOpTime"]["ts"] if busy else self.oplog_end("start")

    def dump_oplog(self, start):
        end = self.oplog_end("end")
        self.check_oplog(start)
        self.tool.log("writing captured oplog to ``")
        batches = self.client.local["oplog.rs"].find_raw_batches({"ts": {"$gte": start, "$lte": end}})
        count = self.dump_raw("", "oplog", batches, check_oplog_entry)
        self.tool.log(f"\tdumped {plural(count, 'oplog entry', 'oplog entries')}")
        self.check_oplog(start)

    def check_oplog(self, start):
        if self.oplog_end("start", direction=1) > start:
            raise ToolError("oplog overflow: mongodump was unable to capture all new oplog entries during execution")

    # Progress

    def show_progress(self):
        """A line for each collection that is being read, and an empty one when there are several."""
        while True:
            time.sleep(self.tool.options.get("progress", 3))
            bars = list(self.bars)
            for name, entry, size in bars:
                part = min(entry.count / size, 1) if size else 0
                done = int(24 * part)
                self.tool.log(f"[{'#' * done}{'.' * (24 - done)}]  {name}  {entry.count}/{size}  ({part * 100:.1f}%)")
            if len(bars) > 1:
                self.tool.log("")


def check_oplog_entry(document):
    """What cannot be replayed must not be dumped."""
    from bson.raw_bson import RawBSONDocument
    entry = RawBSONDocument(document)
    what = entry.get("o") or {}
    why = None
    if entry.get("ns") == "admin.system.version":
        why = "cannot dump with oplog if admin.system.version is modified"
    elif "renameCollection" in what:
        why = "cannot dump with oplog while renames occur"
    elif "importCollection" in what:
        why = "cannot dump with oplog while importCollection occurs"
    if why:
        raise ToolError(f"error dumping oplog: error writing data for collection `.oplog` to disk: {why}")


def run(tool, given):
    from pymongo import errors
    dump = Dump(tool, given)
    try:
        dump.run()
    except errors.PyMongoError as error:
        raise ToolError(fakeclient.words(error)) from None
    tool.end_badly()
    return 0
