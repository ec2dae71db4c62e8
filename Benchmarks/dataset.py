"""The benchmark's documents: seeded, so that every run on every machine has the same ones.

Five collections that look like those of an application, and a small one of 1 % for the selective restore. As a whole they
compress about 2.5 times by gzip: text does better, keys, hashes and the blobs (some 1 KiB of random bytes each) worse.
"""

import datetime
import random

import bson

DATABASE = "bench"
CHUNK = 2000
# Collection: share of the bytes.
SHARES = {"orders": 0.36, "users": 0.17, "events": 0.26, "articles": 0.09, "blobs": 0.11, "audit": 0.01}
INDEXES = {
    "orders": [[("customer", 1)], [("placed", -1), ("status", 1)]],
    "users": [[("email", 1)]],
    "events": [[("at", 1)]],
}

_EPOCH = datetime.datetime(2024, 1, 1)
_WORDS = None


def _words():
    global _WORDS
    if _WORDS is None:
        source = random.Random(7)
        syllables = ["ba", "con", "der", "el", "fi", "gra", "hu", "in", "jo", "ka", "lin", "mo", "ne", "or", "pa", "qui",
                     "ra", "ster", "ti", "un", "ver", "wa", "xi", "yo", "za", "ment", "tion", "ly", "ed", "ing"]
        _WORDS = ["".join(source.choices(syllables, k=source.randint(1, 4))) for _ in range(6000)]
    return _WORDS


def _text(source, count):
    # A few words are frequent and most are rare, as in any language.
    words = _words()
    return " ".join(words[int(len(words) * source.random() ** 3)] for _ in range(count))


def _id(number, process):
    # As drivers make them: the second, the process, a counter.
    seconds = 1_700_000_000 + number // 40
    return bson.ObjectId(seconds.to_bytes(4, "big") + process + (number & 0xFFFFFF).to_bytes(3, "big"))


def _time(source):
    return _EPOCH + datetime.timedelta(milliseconds=source.randrange(60_000_000_000))


def _orders(source, number):
    items = [{"sku": f"SKU-{source.randrange(40000):06d}", "title": _text(source, 3), "quantity": source.randint(1, 9),
              "price": round(source.random() * 300, 2)} for _ in range(source.randint(1, 8))]
    return {"_id": _id(number, b"order"), "customer": source.randrange(1_000_000), "placed": _time(source),
            "status": source.choice(["new", "paid", "packed", "sent", "returned"]), "currency": "EUR", "items": items,
            "total": round(sum(item["quantity"] * item["price"] for item in items), 2),
            "address": {"street": _text(source, 2), "number": source.randint(1, 200),
                        "zip": f"{source.randrange(100000):05d}", "city": _text(source, 1)},
            "token": source.randbytes(16).hex()}


def _users(source, number):
    name = _text(source, 2)
    return {"_id": number, "name": name, "email": f"{name.replace(' ', '.')}{number}@example.com",
            "password": source.randbytes(30).hex(), "salt": source.randbytes(12), "created": _time(source),
            "tags": [_text(source, 1) for _ in range(source.randint(0, 5))], "score": source.random(),
            "active": source.random() < 0.8, "settings": {"theme": "dark", "language": "en", "mails": number % 3}}


def _events(source, number):
    return {"_id": _id(number, b"event"), "at": _time(source), "type": source.choice(["view", "click", "search", "buy"]),
            "session": source.randbytes(8).hex(), "user": source.randrange(1_000_000),
            "url": f"/shop/{_text(source, 1)}/{source.randrange(100000)}?ref={source.randrange(50)}",
            "agent": f"Mozilla/5.0 (X11; Linux x86_64) Version/{source.randrange(40)}",
            "milliseconds": source.randrange(5000), "values": [source.randrange(1000) for _ in range(4)]}


def _articles(source, number):
    return {"_id": f"article-{number:09d}", "title": _text(source, 6), "body": _text(source, source.randint(200, 1500)),
            "author": source.randrange(500), "published": _time(source), "tags": [_text(source, 1) for _ in range(4)]}


def _blobs(source, number):
    return {"_id": _id(number, b"blobs"), "kind": "thumbnail", "width": 64, "height": 64,
            "data": source.randbytes(source.randint(500, 1600))}


def _audit(source, number):
    return {"_id": number, "at": _time(source), "actor": _text(source, 2), "action": _text(source, 8)}


_MAKERS = {"orders": _orders, "users": _users, "events": _events, "articles": _articles, "blobs": _blobs,
           "audit": _audit}


def chunk(collection, number):
    """The documents of one chunk as BSON; the same whenever it is made."""
    source = random.Random(f"{collection} {number}")
    make = _MAKERS[collection]
    return [bson.encode(make(source, number * CHUNK + place)) for place in range(CHUNK)]


def chunks(size):
    """Which chunks make up about `size` bytes: pairs of collection and number, each collection's in order."""
    found = []
    for collection, share in SHARES.items():
        length = sum(map(len, chunk(collection, 0)))
        found += [(collection, number) for number in range(max(1, round(size * share / length)))]
    return found
