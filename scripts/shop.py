"""The shop that the demo backs up: a seeded generator, so that every run loads the same documents.

It holds what makes a backup go wrong in practice: nested documents, every common BSON type, indexes of each kind,
a view, a GridFS bucket, a time series, a capped collection, a validator, a collation and an empty collection.
"""

import datetime
import random
import struct
import uuid

import gridfs
from bson import Binary, Code, DatetimeMS, Decimal128, Int64, ObjectId, Regex, Timestamp
from pymongo import ASCENDING, DESCENDING, GEOSPHERE, HASHED, TEXT, IndexModel
from pymongo.collation import Collation

START = datetime.datetime(2025, 1, 1)
BATCH = 2000
# Never to expire while the demo runs, whatever the clock says: 68 years.
LONG_TTL = 2**31 - 1

FIRST = "Ada Bo Chloé Dmitri Elif Frida Goran Hana Ines Jürgen Kaya Łukasz Mei Nour Ola Paz Quinn Rosa Søren".split()
LAST = "Adeyemi Brandt Costa Dvořák Eriksen Fischer García Haddad Ito Jansen Kowalska Li Müller Novák Öz".split()
CITIES = [
    ("Warszawa", 21.0122, 52.2297), ("Porto", -8.6291, 41.1579), ("Malmö", 13.0038, 55.605),
    ("İzmir", 27.1428, 38.4237), ("Graz", 15.4395, 47.0707), ("Nairobi", 36.8219, -1.2921),
    ("Valparaíso", -71.6127, -33.0472), ("大阪", 135.5023, 34.6937),
]
NOUNS = "kettle lamp chair desk bottle backpack tent blanket speaker bicycle helmet mug notebook clock rug".split()
QUALITIES = "folding quiet sturdy woven copper oak travel compact waterproof vintage bright wool".split()
OPINIONS = [
    "Arrived quickly and works as described.", "The colour is not what I expected, but it will do.",
    "Would buy again.", "Broke after a week; support replaced it at once.",
    "A present for my sister, she loves it.", "Too small for us.",
]
STATES = ["placed", "paid", "shipped", "delivered", "delivered", "delivered", "returned"]
PAGES = ["/", "/search", "/product", "/cart", "/checkout", "/account"]


def load(database):
    """Fills an empty database."""
    shop = Shop(database)
    shop.customers(20_000)
    shop.products(5_000)
    shop.orders(80_000)
    shop.reviews(40_000)
    shop.events(60_000)
    shop.sensors(20_000)
    shop.audit(2_000)
    shop.coupons()
    shop.invoices([100_000, 300_000, 1_000_000, 3_000_000])
    database.create_collection("returns").create_index("order", unique=True)
    database.create_collection("best_customers", viewOn="customers", pipeline=[
        {"$match": {"points": {"$gte": 900}}}, {"$sort": {"points": -1}}, {"$project": {"name": 1, "points": 1}},
    ])


class Shop:
    def __init__(self, database):
        self.database = database
        self.random = random.Random(20_250_101)
        self.ids = 0

    # What the documents are made of

    def object_id(self, seconds):
        self.ids += 1
        return ObjectId(struct.pack(">IQ", 1_735_689_600 + seconds, 0xD3_0000_0000_0000_00 + self.ids))

    def uuid(self):
        return Binary.from_uuid(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def price(self, most=90_000):
        return Decimal128(f"{self.random.randrange(99, most) / 100:.2f}")

    def sku(self):
        return f"SKU-{self.random.randrange(5_000):06}"

    def when(self, seconds):
        return START + datetime.timedelta(seconds=seconds, milliseconds=self.ids % 1000)

    def point(self):
        _, longitude, latitude = self.random.choice(CITIES)
        offset = self.random.random() - 0.5
        return {"type": "Point", "coordinates": [longitude + offset, latitude - offset]}

    def insert(self, name, documents):
        """Inserts what a generator yields, in batches."""
        collection, batch = self.database[name], []
        for document in documents:
            batch.append(document)
            if len(batch) == BATCH:
                collection.insert_many(batch, ordered=False)
                batch = []
        if batch:
            collection.insert_many(batch, ordered=False)

    # The collections

    def customers(self, count):
        rnd = self.random

        def document(number):
            first, last, city = rnd.choice(FIRST), rnd.choice(LAST), rnd.choice(CITIES)[0]
            customer = {
                "_id": number, "name": {"first": first, "last": last},
                "email": f"{first}.{last}.{number}@example.com".lower(), "token": self.uuid(),
                "since": self.when(rnd.randrange(20_000_000)), "points": rnd.randrange(1000), "location": self.point(),
                "addresses": [{"street": f"{rnd.randrange(1, 200)} {last} Street", "city": city, "primary": True}],
                "settings": {"newsletter": rnd.random() < 0.4, "theme": rnd.choice(["light", "dark", None])},
            }
            if number % 5 == 0:
                customer["phone"] = f"+48{rnd.randrange(10**8, 10**9)}"
            return customer

        self.insert("customers", map(document, range(count)))
        self.database.customers.create_indexes([
            IndexModel("email", unique=True),
            IndexModel([("name.last", ASCENDING), ("name.first", ASCENDING)], collation=Collation("pl", strength=2)),
            IndexModel([("location", GEOSPHERE)]),
            IndexModel("phone", sparse=True, unique=True),
            IndexModel([("token", HASHED)]),
        ])

    def products(self, count):
        rnd = self.random
        self.database.create_collection("products", validator={"$jsonSchema": {
            "required": ["name", "price"],
            "properties": {"price": {"bsonType": "decimal"}, "stock": {"minimum": 0}},
        }}, validationLevel="moderate")

        def document(number):
            noun = rnd.choice(NOUNS)
            return {
                "_id": f"SKU-{number:06}", "name": f"{rnd.choice(QUALITIES)} {rnd.choice(QUALITIES)} {noun}",
                "price": self.price(), "stock": rnd.randrange(500), "sold": Int64(rnd.randrange(2**40)),
                "weight": rnd.random() * 20, "tags": rnd.sample(QUALITIES, 3),
                "attributes": {rnd.choice(["colour", "size"]): rnd.choice([1, "m", 2.5]), "madeOf": {noun: True}},
                "rules": {"match": Regex(f"^{noun}", "i"), "show": Code("() => true"), "never": None},
            }

        self.insert("products", map(document, range(count)))
        self.database.products.create_indexes([
            IndexModel([("name", TEXT), ("tags", TEXT)], weights={"name": 10}, default_language="en", name="search"),
            IndexModel([("attributes.$**", ASCENDING)]),
            IndexModel("price", partialFilterExpression={"stock": {"$gt": 0}}),
        ])

    def orders(self, count):
        rnd = self.random

        def document(number):
            seconds = number * 300
            return {
                "_id": self.object_id(seconds), "number": Int64(1_000_000 + number), "customer": rnd.randrange(20_000),
                "state": rnd.choice(STATES), "placed": self.when(seconds),
                "items": [
                    {"product": self.sku(), "count": rnd.randrange(1, 4), "price": self.price(9_000)}
                    for _ in range(rnd.choice((1, 1, 2, 3)))
                ],
                "shipping": {
                    "city": rnd.choice(CITIES)[0], "express": number % 7 == 0, "notes": ["ring twice", ""][number % 2],
                },
                "total": self.price(),
            }

        self.insert("orders", map(document, range(count)))
        self.database.orders.create_indexes([
            IndexModel("number", unique=True),
            IndexModel([("customer", ASCENDING), ("placed", DESCENDING)]),
            IndexModel([("state", ASCENDING), ("placed", ASCENDING)], partialFilterExpression={"state": "placed"}),
            IndexModel([("items.product", ASCENDING)]),
        ])

    def reviews(self, count):
        rnd = self.random
        self.insert("reviews", ({
            "_id": self.object_id(number * 600), "product": self.sku(),
            "customer": rnd.randrange(20_000), "stars": rnd.randrange(1, 6), "text": rnd.choice(OPINIONS),
            "helpful": rnd.sample(range(20_000), rnd.randrange(3)), "edited": Timestamp(1_735_689_600 + number, 1),
        } for number in range(count)))
        self.database.reviews.create_indexes([
            IndexModel([("product", ASCENDING), ("stars", DESCENDING)]), IndexModel("customer", hidden=True),
        ])

    def events(self, count):
        rnd = self.random
        self.insert("events", ({
            "_id": self.object_id(number * 60), "at": self.when(number * 60), "page": rnd.choice(PAGES),
            "session": self.uuid(),
            "client": {"ip": f"10.0.{number % 256}.{rnd.randrange(256)}", "mobile": number % 3 == 0},
        } for number in range(count)))
        self.database.events.create_indexes([
            IndexModel("at", expireAfterSeconds=LONG_TTL, name="forget"), IndexModel([("page", HASHED)]),
        ])

    def sensors(self, count):
        self.database.create_collection(
            "warehouse_climate", timeseries={"timeField": "at", "metaField": "sensor", "granularity": "minutes"})
        self.insert("warehouse_climate", ({
            "at": self.when(number // 20 * 60), "sensor": {"hall": number % 4, "shelf": number % 20},
            "celsius": round(self.random.gauss(18, 2), 2), "humidity": self.random.randrange(30, 70),
        } for number in range(count)))
        self.database.warehouse_climate.create_index([("sensor.hall", ASCENDING), ("at", DESCENDING)])

    def audit(self, count):
        self.database.create_collection("audit", capped=True, size=1 << 20, max=5_000)
        self.insert("audit", ({
            "_id": number, "at": DatetimeMS(-62_135_596_800_000 + number), "who": "ops", "what": "price changed",
        } for number in range(count)))

    def coupons(self):
        self.database.create_collection("coupons", collation={"locale": "de", "strength": 1})
        self.insert("coupons", ({"_id": f"Rabatt-{n}", "code": f"grün{n}", "percent": n % 50} for n in range(200)))
        self.database.coupons.create_index("code", unique=True)

    def invoices(self, sizes):
        bucket = gridfs.GridFSBucket(self.database, "invoices")
        for number, size in enumerate(sizes):
            with bucket.open_upload_stream_with_id(
                number, f"invoice-{number}.pdf", metadata={"contentType": "application/pdf"}
            ) as upload:
                upload.write(self.random.randbytes(size))
