"""The archive format of mongodump: framing, checksum, Extended JSON of the metadata."""

import base64
import ctypes
import json
import random
import struct
from datetime import datetime

MAGIC = bytes.fromhex("6de29981")
TERMINATOR = b"\xff\xff\xff\xff"
LARGEST = 16 * 1024 * 1024


def make_crc64():
    """CRC-64/XZ of some bytes after others; the library's, which Python itself links for its lzma."""
    try:
        function = ctypes.CDLL("liblzma.so.5").lzma_crc64
        function.restype, function.argtypes = ctypes.c_uint64, [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint64]
        return lambda data, crc: function(data, len(data), crc)
    except OSError:
        table = []
        for byte in range(256):
            for _ in range(8):
                byte = byte >> 1 ^ (0xC96C5795D7870F42 if byte & 1 else 0)
            table.append(byte)

        def slow(data, crc):
            crc ^= 0xFFFFFFFFFFFFFFFF
            for byte in data:
                crc = crc >> 8 ^ table[(crc ^ byte) & 0xFF]
            return crc ^ 0xFFFFFFFFFFFFFFFF
        return slow


crc64 = make_crc64()


def split(batch):
    """The documents in a run of them."""
    at = 0
    while at < len(batch):
        length = struct.unpack_from("<i", batch, at)[0]
        yield batch[at:at + length]
        at += length


def text(key, value):
    raw = value.encode("utf-8", "surrogateescape")
    return b"\x02" + key + b"\0" + struct.pack("<i", len(raw) + 1) + raw + b"\0"


def document(*elements):
    body = b"".join(elements)
    return struct.pack("<i", len(body) + 5) + body + b"\0"


class Writer:
    """Interleaves namespaces as mongodump's multiplexer does."""

    class Entry:
        def __init__(self, database, collection):
            self.database, self.collection = database, collection
            self.crc, self.count, self.buffer = 0, 0, bytearray()

    def __init__(self, write, buffer):
        self.write, self.limit, self.current, self.open = write, buffer, None, []

    def prelude(self, concurrent, server, tool, metadata):
        """Of (database, collection, JSON, type), in any order, as the tool has it."""
        self.write(MAGIC + document(
            b"\x10concurrent_collections\0" + struct.pack("<i", concurrent), text(b"version", "0.1"),
            text(b"server_version", server), text(b"tool_version", tool)))
        for database, collection, described, kind in random.sample(metadata, len(metadata)):
            self.write(document(text(b"db", database), text(b"collection", collection), text(b"metadata", described),
                                b"\x10size\0\0\0\0\0", text(b"type", kind)))
        self.write(TERMINATOR)

    def header(self, entry, end):
        # An int64 has no sign in a checksum.
        crc = struct.pack("<Q", entry.crc if end else 0)
        self.write(document(text(b"db", entry.database), text(b"collection", entry.collection),
                            b"\x08EOF\0" + bytes([end]), b"\x12CRC\0" + crc))

    def begin(self, database, collection):
        entry = Writer.Entry(database, collection)
        self.open.append(entry)
        return entry

    def add(self, entry, documents):
        for one in documents:
            if entry.buffer and len(entry.buffer) + len(one) > self.limit:
                self.flush(entry)
            entry.buffer += one
            entry.count += 1

    def flush(self, entry):
        if self.current is not entry:
            if self.current:
                self.write(TERMINATOR)
            self.header(entry, end=False)
            self.current = entry
        entry.crc = crc64(bytes(entry.buffer), entry.crc)
        self.write(bytes(entry.buffer))
        entry.buffer.clear()

    def end(self, entry):
        self.flush(entry)
        self.write(TERMINATOR)
        self.header(entry, end=True)
        self.write(TERMINATOR)
        self.current = None
        self.open.remove(entry)


class Damage(Exception):
    """The archive is not one, or not whole."""


class Reader:
    """Takes an archive apart: header, metadata, then the events of the body."""

    def __init__(self, file, decode):
        self.file, self.decode = file, decode

    def element(self, may_end=False):
        """A document, None for a terminator; at a legal end False."""
        start = self.file.read(4)
        if not start and may_end:
            return False
        if len(start) < 4:
            raise Damage(f"I/O error reading length or terminator ( {'unexpected ' if start else ''}EOF )")
        if start == TERMINATOR:
            return None
        length = struct.unpack("<i", start)[0]
        if not 5 <= length <= LARGEST:
            raise Damage(f"{length} is neither a valid bson length nor a archive terminator")
        rest = self.file.read(length - 4)
        if len(rest) < length - 4:
            raise Damage("read bson ( unexpected EOF )")
        if rest[-1]:
            raise Damage(f"bson (size: {length}, byte: {rest[-1]:x}) doesn't end with a null byte")
        return start + rest

    def prelude(self):
        start = self.file.read(4)
        if len(start) < 4:
            raise Damage(f"I/O failure reading beginning of archive: {'unexpected ' if start else ''}EOF")
        if start != MAGIC:
            raise Damage("stream or file does not appear to be a mongodump archive")
        header = self.element()
        if header is None:
            raise Damage("consecutive terminators / headerless blocks are not allowed")
        metadata = []
        while (one := self.element()) is not None:
            metadata.append(self.decode(one))
        return self.decode(header), metadata

    def events(self):
        """(namespace header, None) at the beginning of each block, (None, document) for each document in it."""
        while (header := self.element(may_end=True)) is not False:
            if header is None:
                raise Damage("consecutive terminators / headerless blocks are not allowed")
            yield self.decode(header), None
            while (one := self.element()) is not None:
                yield None, one


# Extended JSON


def to_json(value):
    from bson import json_util
    return json_util.dumps(value, json_options=json_util.CANONICAL_JSON_OPTIONS, ensure_ascii=False,
                           separators=(",", ":"))


def from_json(text):
    """Canonical and relaxed Extended JSON v2; unlike the driver's reader it leaves {$regex, $options} a document."""
    return json.loads(text, object_pairs_hook=lambda pairs: wrapped(dict(pairs)), parse_int=narrow)


def narrow(text):
    from bson.int64 import Int64
    number = int(text)
    return number if -2**31 <= number < 2**31 else Int64(number)


def wrapped(value):
    import bson
    from bson.datetime_ms import DatetimeMS
    keys = set(value)
    inner = next(iter(value.values()), None)
    makers = {
        "$numberInt": lambda: int(inner), "$numberLong": lambda: bson.Int64(int(inner)),
        "$numberDouble": lambda: float(inner), "$numberDecimal": lambda: bson.Decimal128(inner),
        "$oid": lambda: bson.ObjectId(inner), "$symbol": lambda: inner, "$undefined": lambda: None,
        "$binary": lambda: bson.Binary(base64.b64decode(inner["base64"]), int(inner["subType"], 16)),
        "$timestamp": lambda: bson.Timestamp(int(inner["t"]), int(inner["i"])),
        "$regularExpression": lambda: bson.Regex(inner["pattern"], inner["options"]),
        "$minKey": bson.MinKey, "$maxKey": bson.MaxKey, "$code": lambda: bson.Code(inner),
        "$date": lambda: DatetimeMS(int(inner)) if isinstance(inner, int) else
        DatetimeMS(datetime.fromisoformat(inner)),
    }
    if keys == {"$code", "$scope"}:
        return bson.Code(value["$code"], value["$scope"])
    if len(keys) == 1 and (key := next(iter(keys))) in makers:
        return makers[key]()
    return value
