"""What mongorestore does: from an archive to a server."""

import os
import re
import sys
import zlib
from types import SimpleNamespace

import fakearchive
import fakeclient
from faketools import ToolError, Unlike, plural, quoted

SPECIAL = {"users": "system.users", "roles": "system.roles", "version": "system.version"}
# Errors of a document that do not end a restore: a duplicate key, a document that fails validation.
IGNORED = {11000, 11001, 12582, 16460, 121}
SKIPPED_OPS = {"n", "cd", "ci", "cu", "km"}
BATCH, BATCH_BYTES = 1000, 47 * 1024 * 1024


class Gunzip:
    """A file of any number of gzip members."""

    def __init__(self, file):
        self.file, self.data, self.inflate = file, b"", None

    def read(self, count):
        parts, have = [], 0
        while have < count and (self.data or self.more()):
            part, self.data = self.data[:count - have], self.data[count - have:]
            parts.append(part)
            have += len(part)
        return b"".join(parts)

    def more(self):
        try:
            while not self.data:
                rest = self.inflate.unused_data if self.inflate and self.inflate.eof else b""
                raw = rest or self.file.read(4096)
                if not raw:
                    if self.inflate and not self.inflate.eof:
                        raise fakearchive.Damage("unexpected EOF")
                    return False
                if not self.inflate or self.inflate.eof:
                    self.inflate = zlib.decompressobj(31)
                self.data = self.inflate.decompress(raw)
        except zlib.error as error:
            part = "header" if "header" in str(error) else "checksum" if "check" in str(error) else "data"
            raise fakearchive.Damage(f"gzip: invalid {part}") from None
        return True


class Restore:
    def __init__(self, tool, given):
        self.tool, self.given = tool, given
        self.writes, self.done, self.failed, self.seen = tool.mode != "swallows", 0, 0, 0
        self.place = "archive on stdin" if given["archive"] == "-" else f"archive {quoted(given['archive'])}"
        self.intents, self.known, self.cached, self.indexes, self.simple = {}, {}, {}, {}, {}
        self.transactions, self.midway_is_over, self.workers = {}, False, given.get("numParallelCollections", 4)
        self.ordered = given.get("maintainInsertionOrder", False)
        self.stops = self.ordered or given.get("stopOnError", False)

    def check_options(self):
        given = self.given
        for name in ("nsFrom", "nsTo", "oplogFile", "oplogLimit", "dir", "noOptionsRestore", "convertLegacyIndexes",
                     "fixDottedHashIndex", "excludeCollection", "excludeCollectionsWithPrefix"):
            if given.get(name):
                raise Unlike(f"no --{name}")
        users = given.get("restoreDbUsersAndRoles")
        rules = [
            (given.get("collection") and not given.get("db"),
             "cannot restore a collection without a specified database"),
            (users and not given.get("db"), "cannot use --restoreDbUsersAndRoles without a specified database"),
            (users and given.get("db") == "admin", "cannot use --restoreDbUsersAndRoles with the admin database"),
            (given.get("oplogReplay") and (given.get("nsInclude") or given.get("db")),
             "cannot use --oplogReplay with includes specified"),
            (given.get("oplogReplay") and given.get("nsExclude"), "cannot use --oplogReplay with excludes specified"),
            (given.get("preserveUUID") and not given.get("drop"), "cannot specify --preserveUUID without --drop"),
        ]
        for broken, text in rules:
            if broken:
                raise ToolError(text)
        if given.get("db"):
            self.tool.log("The --db and --collection flags are deprecated for this use-case; please use --nsInclude "
                          "instead, i.e. with --nsInclude=${DATABASE}.${COLLECTION}")

    def write_concern(self):
        from pymongo.write_concern import WriteConcern
        word = self.given.get("writeConcern", "majority")
        values = fakearchive.from_json(word) if word.startswith("{") else {"w": int(word) if word.isdigit() else word}
        return WriteConcern(**values)

    # Which namespaces

    def is_wanted(self, database, name):
        """By -d, -c and the patterns of --nsInclude and --nsExclude."""
        given, namespace = self.given, f"{database}.{name}"
        if given.get("db") and given["db"] != database or given.get("collection") not in (None, "", name):
            return False
        if given.get("nsInclude") and not any(matches(p, namespace) for p in given["nsInclude"]):
            return False
        if any(matches(p, namespace) for p in given.get("nsExclude", [])):
            return False
        return name not in ("system.profile", "system.indexes") or database == ""

    def special(self, database, name):
        """Which part of the users' administration a namespace is, if any."""
        for part, collection in SPECIAL.items():
            if (database, name) == ("admin", collection) or name == f"$admin.{collection}":
                return part
        return None

    def merges_users(self):
        given = self.given
        return ((given.get("restoreDbUsersAndRoles") or given.get("db") in (None, "", "admin")) and
                any(self.cached.get(part) is not None for part in ("users", "roles")))

    def plan(self, metadata):
        """What is in the archive by its namespace in the body; None is what is passed over unchecked."""
        for found in metadata:
            database, name, kind = found["db"], found["collection"], found.get("type", "")
            body = f"system.buckets.{name}" if kind == "timeseries" else name
            part = "oplog" if (database, name) == ("", "oplog") else self.special(database, name)
            wanted = self.is_wanted(database, name) if part != "oplog" else not self.given.get("db")
            if name.startswith("$admin."):
                wanted = self.given.get("restoreDbUsersAndRoles") and self.given.get("db") == database
            self.intents[database, body] = SimpleNamespace(
                database=database, name=name, body=body, namespace=f"{database}.{name}", part=part, crc=0,
                state="unseen", batch=[], bytes=0, done=0, failed=0, text=found.get("metadata") or "{}",
                is_series=kind == "timeseries", options={}) if wanted else None

    def read_metadata(self):
        for intent in self.intents.values():
            if not intent or intent.part:
                continue
            self.tool.log(f"reading metadata for {quoted(intent.namespace)} from {quoted(self.place)}")
            try:
                described = fakearchive.from_json(intent.text)
            except ValueError as error:
                raise ToolError(f"restore error: error parsing metadata from {self.place}: {error}") from None
            if self.given.get("preserveUUID") and not described.get("uuid"):
                self.tool.log(f"--preserveUUID used but no UUID found in {quoted(self.place)}, generating new UUID for "
                              f"{quoted(intent.namespace)}")
            key = intent.database, intent.name
            intent.options, intent.uuid = described.get("options") or {}, described.get("uuid", "")
            # Measurements that an old tool unpacked go where buckets belong, and are refused there.
            if "timeseries" in intent.options:
                intent.is_series, intent.body = True, f"system.buckets.{intent.name}"
            self.indexes[key] = {i["name"]: i for i in described.get("indexes") or [] if "name" in i}
            self.simple[key] = intent.options.get("collation", {}).get("locale", "simple") == "simple"

    # The run

    def run(self):
        from bson import decode
        if self.tool.mode == "hang-before-first-byte":
            self.tool.hang()
        if self.given["archive"] == "-":
            file = os.fdopen(os.dup(0), "rb", 1 << 18) if self.tool.mode != "closes-stdin" else sys.stdin.buffer
        else:
            file = open(self.given["archive"], "rb")
        reader = fakearchive.Reader(Gunzip(file) if self.given.get("gzip") else file, decode)
        header, metadata = reader.prelude()
        if not re.match(r"\d+\.\d+\.\d+", header.get("server_version", "")):
            raise ToolError("error scanning filesystem: parse version from prelude: invalid version")
        version = self.client.server_info()["version"]
        if header["server_version"].split(".")[:2] != version.split(".")[:2]:
            self.tool.log(
                f"WARNING: This archive came from MongoDB {quoted(header['server_version'])}, but you are restoring "
                f"to {quoted(version)}. Cross-version dump & restore is unsupported. The restored data may be "
                "corrupted.")
        self.workers = max(self.workers, header.get("concurrent_collections", 0))
        self.tool.log("preparing collections to restore from")
        self.plan(metadata)
        has = {intent.part for intent in self.intents.values() if intent}
        if self.given.get("restoreDbUsersAndRoles") and not has & {"users", "roles"}:
            raise ToolError("No users or roles found in restore target. Please omit --restoreDbUsersAndRoles, or use "
                            "a dump created with --dumpDbUsersAndRoles.")
        if self.given.get("oplogReplay") and "oplog" not in has:
            raise ToolError("no oplog file to replay; make sure you run mongodump with --oplog")
        if self.given.get("dryRun"):
            self.tool.log("dry run completed")
            return
        if self.tool.mode == "closes-stdin":
            os.close(0)
            raise ToolError("stdin was closed on purpose")
        self.read_metadata()
        self.check_series()
        self.read_body(reader)
        if self.writes:
            if self.merges_users():
                self.merge_users()
            if self.given.get("oplogReplay"):
                self.replay()
            if not self.given.get("noIndexRestore"):
                self.build_indexes()
        self.midway()
        self.tool.end_badly()

    def check_series(self):
        for intent in self.intents.values():
            if intent and intent.is_series and not self.given.get("drop") and self.exists(intent):
                raise ToolError(f"restore error: timeseries collection {quoted(intent.namespace)} already exists on "
                                "the destination. You must remove this collection from the destination or use --drop")

    def read_body(self, reader):
        current, opened = None, 0
        try:
            for header, document in reader.events():
                if self.tool.stopping:
                    self.stop(current)
                if header is None:
                    self.take(current, document)
                    continue
                key = header.get("db", ""), header.get("collection", "")
                if not key[1]:
                    raise fakearchive.Damage("error demultiplexing archive; collection header is missing a Collection")
                if set(header) - {"db", "collection", "EOF", "CRC"} or type(header.get("CRC", 0)) is int and "CRC" in \
                        header and not isinstance(header["CRC"], self.int64):
                    raise fakearchive.Damage("header bson doesn't unmarshal as a collection header")
                if key not in self.intents:
                    raise ToolError(f"no intent for collection in archive: {quoted('.'.join(key))}")
                current = self.intents[key]
                if current is None:
                    continue
                if current.state == "ended":
                    raise fakearchive.Damage(
                        "error demultiplexing archive; namespace header for already opened namespace")
                if current.state == "unseen":
                    opened += 1
                    if opened > max(self.workers, 1) and current.part is None:
                        self.tool.hang()  # as the real one does, forever and without a word
                    self.begin(current)
                if header.get("EOF"):
                    opened -= 1
                    self.end(current, header.get("CRC", 0))
        except fakearchive.Damage as error:
            for intent in self.intents.values():
                if intent and intent.state == "open":
                    raise ToolError(
                        f"{intent.namespace}: error restoring from {self.place}: reading bson input: error "
                        "demultiplexing archive; archive io error") from None
            raise ToolError(f"corruption found in archive; {error}") from None
        missing = [i.namespace for i in self.intents.values() if i and i.state != "ended"]
        if missing:
            raise ToolError("error demultiplexing archive; archive finished before all collections were seen "
                            f"({quoted(missing[0])})")

    def stop(self, intent):
        if intent:
            self.tool.log(f"terminating read on {quoted(intent.namespace)}")
            raise ToolError(f"{intent.namespace}: error restoring from {self.place}: received termination signal")
        raise ToolError("received termination signal")

    # A collection

    def exists(self, intent):
        if intent.database not in self.known:
            found = fakeclient.database(self.client, intent.database).list_collections()
            self.known[intent.database] = {one["name"] for one in found}
        return intent.name in self.known[intent.database]

    def begin(self, intent):
        intent.state = "open"
        if intent.part:
            self.cached[intent.part] = []
            return
        if self.writes:
            self.prepare(intent)
        self.tool.log(f"restoring {quoted(f'{intent.database}.{intent.body}')} from {quoted(self.place)}")

    def prepare(self, intent):
        """Drops and creates, with the options of the source."""
        target, shown = fakeclient.database(self.client, intent.database), quoted(intent.namespace)
        if self.exists(intent):
            if not self.given.get("drop"):
                self.tool.log(f"restoring to existing collection {shown} without dropping")
                return
            if intent.name.startswith("system."):
                self.tool.log(f"cannot drop system collection {shown}, skipping")
                return
            self.tool.log(f"dropping collection {shown} before restoring")
            target.command("drop", intent.name)
        options = dict(intent.options)
        id_index = self.indexes[intent.database, intent.name].get("_id_")
        if id_index and "clusteredIndex" not in options:
            keeps = self.given.get("keepIndexVersion") or self.given.get("preserveUUID")
            id_index = {k: v for k, v in id_index.items() if k != "v" or keeps}
            options.pop("autoIndexId", None)
            options["idIndex"] = {**id_index, "ns": intent.namespace}
        command = {"create": intent.name, **options}
        try:
            if self.given.get("preserveUUID") and intent.uuid:
                from bson import Binary
                self.client.admin.command("applyOps", [{
                    "op": "c", "ns": f"{intent.database}.$cmd", "o": command,
                    "ui": Binary(bytes.fromhex(intent.uuid), 4)}])
            else:
                target.command(command)
        except self.errors as error:
            raise ToolError(f"{intent.namespace}: error creating collection {intent.namespace}: error running create "
                            f"command: {fakeclient.words(error)}") from None
        self.known[intent.database].add(intent.name)

    def take(self, intent, document):
        if intent is None:
            return
        if intent.state != "open":
            raise fakearchive.Damage("error demultiplexing archive; collection data without a collection header")
        intent.crc = fakearchive.crc64(document, intent.crc)
        if intent.part:
            self.cached[intent.part].append(document)
            return
        self.seen += 1
        if self.tool.mode == "loses" and self.seen % self.tool.options.get("every", 10) == 0:
            self.lose(intent)
            return
        if intent.bytes + len(document) > BATCH_BYTES or len(intent.batch) >= BATCH:
            self.flush(intent)
        intent.batch.append(document)
        intent.bytes += len(document)

    def lose(self, intent):
        if self.tool.options.get("silently"):
            intent.done += 1
            return
        intent.failed += 1
        self.tool.log("continuing through error: E11000 duplicate key error collection: "
                      f"{intent.namespace} index: _id_ dup key: {{ _id: {self.seen} }}")

    def flush(self, intent):
        from bson.raw_bson import RawBSONDocument
        from pymongo import InsertOne
        from pymongo.errors import BulkWriteError
        batch = [RawBSONDocument(one) for one in intent.batch]
        intent.batch, intent.bytes = [], 0
        if not batch:
            return
        if not self.writes:
            intent.done += len(batch)
            return
        target = fakeclient.collection(self.client, intent.database, intent.body, write_concern=self.concern)
        bypass = self.given.get("bypassDocumentValidation", False) and not intent.is_series
        stamped = [one for one in batch if has_zero_timestamp(one)]
        plain = [one for one in batch if not any(one is other for other in stamped)] if stamped else batch
        try:
            if plain:
                intent.done += target.bulk_write(
                    [InsertOne(one) for one in plain], ordered=self.ordered,
                    bypass_document_validation=bypass).inserted_count
        except BulkWriteError as error:
            details = error.details
            intent.done += details["nInserted"]
            intent.failed += len(details["writeErrors"])
            self.judge(intent, [(e["code"], e["errmsg"]) for e in details["writeErrors"]],
                       details.get("writeConcernErrors"))
        for one in stamped:
            self.insert_stamped(intent, target, one)
        self.midway()

    def insert_stamped(self, intent, target, document):
        """The server puts the time in the place of an empty timestamp on an insert, but not on such an update."""
        try:
            target.insert_one(document)
            target.update_one({"_id": document["_id"]}, [{"$replaceRoot": {"newRoot": {"$literal": document}}}])
            intent.done += 1
        except self.errors as error:
            intent.failed += 1
            self.judge(intent, [(getattr(error, "code", 0), fakeclient.words(error))], None)

    def judge(self, intent, found, concern_errors):
        fatal = [text for code, text in found if self.stops or code not in IGNORED]
        if not fatal and not concern_errors:
            for _, text in found:
                self.tool.log(f"continuing through error: {text}")
            return
        text = fatal[0] if fatal else concern_errors[0]["errmsg"]
        raise ToolError(f"{intent.namespace}: error restoring from {self.place}: bulk write exception: write errors: "
                        f"[{text}]")

    def midway(self):
        if not self.midway_is_over:
            self.midway_is_over = True
            self.tool.midway()

    def end(self, intent, crc):
        self.flush(intent)
        intent.state = "ended"
        if intent.crc != crc & 0xFFFFFFFFFFFFFFFF:
            signed = intent.crc - (1 << 64 if intent.crc >> 63 else 0)
            raise ToolError(f"CRC mismatch for namespace {quoted(f'{intent.database}.{intent.body}')}, "
                            f"{crc}!={signed}")
        if not intent.part:
            self.report(intent)

    def report(self, intent):
        self.tool.log(f"finished restoring {quoted(intent.namespace)} ({plural(intent.done, 'document')}, "
                      f"{plural(intent.failed, 'failure')})")
        self.done += intent.done
        self.failed += intent.failed

    # Users and roles

    def merge_users(self):
        from bson.raw_bson import RawBSONDocument
        command, admin, temporary = {"_mergeAuthzCollections": 1}, self.client.admin, []
        for part, name in (("users", "tempusers"), ("roles", "temproles")):
            if self.cached.get(part) is None:
                continue
            self.tool.log(f"restoring {part} from {quoted(self.place)}")
            admin.drop_collection(name)
            temporary.append(name)
            if self.cached[part]:
                admin[name].insert_many([RawBSONDocument(one) for one in self.cached[part]])
            command[f"temp{part.capitalize()}Collection"] = f"admin.{name}"
        database = self.given.get("db") if self.given.get("restoreDbUsersAndRoles") else ""
        command.update(drop=self.given.get("drop", False), db=database, writeConcern={"w": "majority"})
        try:
            admin.command(command)
        except self.errors as error:
            raise ToolError(f"restore error: error running merge command: {fakeclient.words(error)}") from None
        finally:
            for name in temporary:
                admin.drop_collection(name)

    # The oplog

    def replay(self):
        from bson import decode
        self.tool.log("replaying oplog")
        self.applied = 0
        for document in self.cached["oplog"]:
            self.handle(decode(document, self.codec))
        self.tool.log(f"applied {self.applied} oplog entries")

    def handle(self, op):
        namespace, what = op.get("ns", ""), op.get("o", {})
        verb = next(iter(what), "") if op["op"] == "c" else ""
        if namespace.startswith("__mdb_internal") or op["op"] in SKIPPED_OPS or is_internal_config(namespace):
            return
        if verb in ("startIndexBuild", "abortIndexBuild", "setMultikeyMetadata", "dropIdent"):
            self.tool.log(f"skipping applying the oplog entry {verb}")
            return
        if op.get("txnNumber") is not None and verb in ("applyOps", "commitTransaction", "abortTransaction"):
            self.handle_transaction(op, verb)
            return
        self.applied += 1
        if verb == "applyOps":
            for inner in what["applyOps"]:
                self.handle(inner)
            return
        op.pop("ui", None) if not self.given.get("preserveUUID") else None
        if verb and self.handle_index(namespace.partition(".")[0], verb, what):
            return
        try:
            self.client.admin.command({
                "applyOps": [op],
                "bypassDocumentValidation": self.given.get("bypassDocumentValidation", False)})
        except self.errors as error:
            raise ToolError(f"restore error: error applying oplog: applyOps: {fakeclient.words(error)}") from None

    def handle_transaction(self, op, verb):
        key = str(op.get("lsid")), op["txnNumber"]
        if verb == "abortTransaction":
            self.transactions.pop(key, None)
            return
        held = self.transactions.setdefault(key, [])
        held += op["o"].get("applyOps", [])
        if verb == "applyOps" and (op["o"].get("partialTxn") or op["o"].get("prepare")):
            return
        for inner in self.transactions.pop(key):
            self.handle(inner)

    def handle_index(self, database, verb, what):
        """Keeps the list of indexes that are built at the end; whether that is all there is to do."""
        known = self.indexes.setdefault((database, what[verb]), {})
        if verb == "dropDatabase":
            for key in [key for key in self.indexes if key[0] == database]:
                del self.indexes[key]
        elif verb == "drop":
            del self.indexes[database, what[verb]]
        elif verb == "create":
            self.simple[database, what[verb]] = what.get("collation", {}).get("locale", "simple") == "simple"
        elif verb in ("createIndexes", "commitIndexBuild"):
            new = what["indexes"] if verb == "commitIndexBuild" else [{k: v for k, v in what.items() if k != verb}]
            known.update({index["name"]: index for index in new})
            return True
        elif verb in ("deleteIndex", "deleteIndexes", "dropIndex", "dropIndexes"):
            for name in list(known) if what.get("index") == "*" else [what.get("index")]:
                known.pop(name, None)
            return True
        elif verb == "collMod" and "index" in what:
            change = what.pop("index")
            for index in known.values():
                if index["name"] == change.get("name") or index["key"] == change.get("keyPattern"):
                    index.update({k: v for k, v in change.items() if k in ("expireAfterSeconds", "hidden")})
            return len(what) == 1
        return False

    # Indexes

    def build_indexes(self):
        for (database, name), known in self.indexes.items():
            namespace = f"{database}.{name}"
            wanted = [dict(index) for index in known.values() if not is_default(index)]
            if not wanted:
                self.tool.log(f"no indexes to restore for collection {quoted(namespace)}")
                continue
            self.tool.log(f"restoring indexes for collection {quoted(namespace)} from metadata")
            for index in wanted:
                if not self.simple.get((database, name), True) and "collation" not in index:
                    index["collation"] = {"locale": "simple"}
                self.tool.log("index: &idx.IndexDocument{Options:bson.M{" f'"name":"{index["name"]}"' "}}")
                index["ns"] = namespace
                if not self.given.get("keepIndexVersion"):
                    index.pop("v", None)
            try:
                fakeclient.database(self.client, database).command(
                    {"createIndexes": name, "indexes": wanted, "ignoreUnknownIndexOptions": True})
            except self.errors as error:
                raise ToolError(f"{namespace}: error creating indexes for {namespace}: createIndex error: "
                                f"{fakeclient.words(error)}") from None


def is_default(index):
    return list(index["key"]) == ["_id"] and index["key"]["_id"] == 1 and "partialFilterExpression" not in index


def is_internal_config(namespace):
    from fakedump import CONFIG_KEPT
    database, _, name = namespace.partition(".")
    return database == "config" and name not in CONFIG_KEPT


def has_zero_timestamp(document):
    from bson import Timestamp
    raw = document.raw
    if b"\0\0\0\0\0\0\0\0" not in raw or b"\x11" not in raw:
        return False
    return any(key != "_id" and value == Timestamp(0, 0) for key, value in document.items())


def matches(pattern, namespace):
    """A pattern of the tools: `*` is anything, a backslash takes its meaning away."""
    if "$" in pattern:
        raise ToolError("invalid includes: '$' is not allowed in include patterns")
    parts = re.findall(r"\\.|\*|[^\\*]+|\\", pattern)
    expression = "".join(".*" if part == "*" else re.escape(part.removeprefix("\\")) for part in parts)
    return re.fullmatch(expression, namespace, re.DOTALL) is not None


def run(tool, given):
    from bson import CodecOptions, Int64
    from bson.codec_options import DatetimeConversion
    from pymongo import errors
    restore = Restore(tool, given)
    restore.errors, restore.int64 = (errors.PyMongoError,), Int64
    restore.codec = CodecOptions(datetime_conversion=DatetimeConversion.DATETIME_MS)
    try:
        restore.client = tool.connect(given)
    except ToolError as error:
        tool.log(str(error))
        return 1
    tool.started, status = True, 0
    try:
        restore.concern = restore.write_concern()
        restore.check_options()
        restore.run()
    except (ToolError, fakearchive.Damage) as error:
        tool.log(f"Failed: {error}")
        status = 1
    except errors.PyMongoError as error:
        tool.log(f"Failed: {fakeclient.words(error)}")
        status = 1
    if tool.mode == "closes-stdin":
        status = tool.options.get("status", status)
    tool.log(f"{restore.done} document(s) restored successfully. {restore.failed} document(s) failed to restore.")
    return status
