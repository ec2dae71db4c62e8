#!/usr/bin/env python3
"""Shows backupctl at work on a real MongoDB, and proves the result. 'make demo' calls it.

    MONGOD=/path/to/mongod demo.py /path/to/backupctl

Starts a mongod of its own as a one-node replica set on a free loopback port, loads a shop, then types what a user would
type: make a job, run it, list, show, restore under another name. Last it asks the server, not backupctl, whether both
databases are equal. Prints at most 40 lines. The exit status is 0 only if every command succeeded and nothing differs.
Whatever happens (Ctrl-C, SIGTERM, a failure), no process and no scratch file of it stays behind.

To see that the comparison can fail, DEMO_BREAK alters the restored database before it:
    DEMO_BREAK=document    changes one document
    DEMO_BREAK=index       drops one index
"""

import contextlib
import ctypes
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import bson
from pymongo import MongoClient
from pymongo.errors import PyMongoError

# Nothing is to be left behind in the folder of the scripts either.
sys.dont_write_bytecode = True
import shop  # noqa: E402

MOST_LINES = 40
START_SECONDS = 60
COMMAND_SECONDS = 600
JOB = "shop-nightly"
SOURCE, TARGET = "shop", "shop_dev"


class DemoError(Exception):
    """Something went wrong that the person at the terminal should read."""


class Page:
    """What is printed, within the promised number of lines."""

    def __init__(self):
        self.left = MOST_LINES

    def line(self, text=""):
        self.left -= 1
        print(text, flush=True)

    def lines(self, texts, spare, tail=None):
        """Prints all; or, to leave `spare` lines for what follows, the first and last ones and how many lie between."""
        room = max(self.left - spare, 1)
        if len(texts) > room:
            tail = min((room - 1) // 2 if tail is None else tail, room - 1)
            head = room - 1 - tail
            hidden = len(texts) - head - tail
            texts = texts[:head] + [f"  ... {hidden} more lines ..."] + texts[len(texts) - tail:]
        for text in texts:
            self.line(text)


# The server


LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1


def die_with_parent():
    """Asks the kernel to kill this process when the demo itself is killed and cannot clean up."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def last_words(log):
    """The errors of a mongod that did not start, from its log (a JSON object a line)."""
    with contextlib.suppress(OSError), open(log, errors="replace") as lines:
        return "".join([line for line in lines if '"s":"E"' in line or '"s":"F"' in line or "rror" in line][-3:])
    return ""


@contextlib.contextmanager
def replica_set(mongod, scratch):
    """A one-node replica set that takes writes; yields a client and the port."""
    data, log = os.path.join(scratch, "data"), os.path.join(scratch, "mongod.log")
    for attempt in range(5):
        port = free_port()
        shutil.rmtree(data, ignore_errors=True)
        os.mkdir(data)
        # Its own session, so that a Ctrl-C reaches it only through us; no socket file, since that would lie elsewhere.
        server = subprocess.Popen(
            [mongod, "--dbpath", data, "--port", str(port), "--bind_ip", "127.0.0.1", "--nounixsocket",
             "--replSet", "demo", "--oplogSize", "64", "--wiredTigerCacheSizeGB", "0.5", "--logpath", log,
             "--setParameter", "diagnosticDataCollectionEnabled=false"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True, preexec_fn=die_with_parent)
        try:
            client = primary(server, port)
            if client:
                with client:
                    yield client, port
                return
        finally:
            # Its data is thrown away, so there is nothing for it to put in order.
            server.kill()
            server.wait()
    raise DemoError(f"'{mongod}' does not start\n{last_words(log)}".rstrip())


def primary(server, port):
    """A client, once the server takes writes; None if the server ended, as it does when its port was taken."""
    client = MongoClient(
        "127.0.0.1", port, directConnection=True, uuidRepresentation="standard", serverSelectionTimeoutMS=500)
    deadline, initiated = time.monotonic() + START_SECONDS, False
    while time.monotonic() < deadline:
        if server.poll() is not None:
            client.close()
            return None
        with contextlib.suppress(PyMongoError):
            if not initiated:
                member = {"_id": 0, "host": f"127.0.0.1:{port}"}
                client.admin.command("replSetInitiate", {"_id": "demo", "members": [member]})
                initiated = True
            if client.admin.command("hello")["isWritablePrimary"]:
                return client
        time.sleep(0.1)
    client.close()
    raise DemoError(f"the mongod on port {port} is not ready after {START_SECONDS} s")


# backupctl


class CommandLine:
    """Types commands of backupctl as a user would, and shows what they print."""

    def __init__(self, binary, scratch, page):
        self.binary, self.page = binary, page
        # Settings of the user's own must not change what the demo shows.
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("BACKUPCTL_")}
        self.environment["BACKUPCTL_STATE_DIR"] = os.path.join(scratch, "state")

    def __call__(self, *arguments, spare, tail=None):
        """Shows the command and its output, as `Page.lines` does."""
        self.page.line(f"$ {shlex.join(['backupctl', *arguments])}")
        # Progress goes to stderr: on a terminal it draws a bar there, else its lines are shown with the others.
        terminal = sys.stderr.isatty() and sys.stdout.isatty()
        child = subprocess.Popen(
            [self.binary, *arguments], env=self.environment, encoding="utf-8", errors="replace",
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=None if terminal else subprocess.STDOUT)
        try:
            output, _ = child.communicate(timeout=COMMAND_SECONDS)
        except subprocess.TimeoutExpired:
            raise DemoError(f"'backupctl {arguments[0]}' is not done after {COMMAND_SECONDS} s") from None
        finally:
            stop(child)
        lines = output.rstrip("\n").split("\n") if output.strip() else []
        if child.returncode != 0:
            print("".join(f"{line}\n" for line in lines[-20:]), end="", file=sys.stderr)
            raise DemoError(f"'backupctl {arguments[0]}' ended with exit status {child.returncode}")
        self.page.lines(lines, spare, tail)


def stop(child):
    """Ends a child that still runs, giving it the time to tidy up."""
    if child.poll() is None:
        child.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(timeout=10)
        child.kill()
        child.wait()


# The comparison: what the server says about both databases


def exactly(document):
    """A document's fields by name, each as its bytes: the order of options is free, that of an index's keys is not."""
    return {name: bson.encode({"": value}) for name, value in document.items()}


class Contents:
    """All that a database holds, as its server describes it."""

    def __init__(self, database):
        # A time series is hashed as the collection of buckets that it is stored in.
        self.hashes = {n: h for n, h in database.command("dbHash")["collections"].items() if n != "system.views"}
        self.kinds, self.options, self.indexes, self.documents, self.stored = {}, {}, {}, {}, {}
        for collection in database.list_collections():
            name = collection["name"]
            if name == "system.views":
                continue
            self.kinds[name] = collection["type"]
            self.options[name] = exactly({"type": collection["type"], **collection["options"]})
            self.documents[name] = database[name].count_documents({})
            if collection["type"] != "view":
                self.stored[name] = database[self.stored_name(name)].count_documents({})
                reply = database.command("listIndexes", name, cursor={"batchSize": 1000})
                indexes = reply["cursor"]["firstBatch"]
                self.indexes[name] = {i["name"]: exactly({k: v for k, v in i.items() if k != "ns"}) for i in indexes}

    def stored_name(self, name):
        return f"system.buckets.{name}" if self.kinds[name] == "timeseries" else name

    def hash(self, name):
        return self.hashes.get(self.stored_name(name), "missing")


def differences(one, other, name):
    """What is not equal in a collection, in words."""
    if name not in one.kinds or name not in other.kinds:
        return [f"is only in '{SOURCE if name in one.kinds else TARGET}'"]
    found = []
    if one.documents[name] != other.documents[name]:
        found.append(f"{one.documents[name]} documents became {other.documents[name]}")
    if one.kinds[name] != "view" and (one.hash(name) != other.hash(name) or one.hash(name) == "missing"):
        found.append(f"dbHash {one.hash(name)[:8]} became {other.hash(name)[:8]}")
    ours, theirs = one.indexes.get(name, {}), other.indexes.get(name, {})
    found += [f"index '{i}' differs" for i in sorted(ours.keys() | theirs.keys()) if ours.get(i) != theirs.get(i)]
    if one.options[name] != other.options[name]:
        found.append("its options differ")
    return found


def compare(client, page):
    """Prints what is equal and what is not; raises if anything is not."""
    one, other = Contents(client[SOURCE]), Contents(client[TARGET])
    names = sorted(one.kinds.keys() | other.kinds.keys())
    wrong = {name: found for name in names if (found := differences(one, other, name))}
    # The buckets of a time series are compared like any collection, but shown under its name.
    shown = [n for n in names if not n.startswith("system.")]
    hashed = [n for n in shown if n not in wrong and one.kinds[n] != "view"]
    views = [n for n in shown if n not in wrong and one.kinds[n] == "view"]
    if hashed:
        page.line(f"The server's own dbHash (an MD5 of all documents) is the same in '{SOURCE}' and '{TARGET}' for")
    row = [f"{n} {one.hash(n)[:6]}" for n in hashed]
    page.lines([f"  {', '.join(row[i:i + 6])}" for i in range(0, len(row), 6)], spare=2)
    if wrong:
        page.lines([f"  DIFFERENT  {name}: {'; '.join(found)}" for name, found in wrong.items()], spare=1)
        raise DemoError(f"{len(wrong)} of {len(names)} collections and views differ after the restore")
    # Two empty databases are equal as well.
    documents = sum(one.stored[n] for n in hashed)
    if len(hashed) < 5 or not views or documents < 200_000:
        raise DemoError("the shop was not loaded as it should be")
    page.line(
        f"Equal: {len(hashed)} collections with {documents:,} documents by dbHash and count,"
        f" {sum(len(one.indexes[n]) for n in hashed)} index definitions, {len(views)} view, all collection options.")


def damage(database, what):
    """Makes the restored database differ, to show that the comparison sees it."""
    if what == "document":
        database.orders.update_one({"number": 1_000_007}, {"$set": {"shipping.express": "altered"}})
    elif what == "index":
        database.products.drop_index("search")
    else:
        raise DemoError(f"DEMO_BREAK is '{what}', not 'document' or 'index'")


# The story


def demo(mongod, binary, scratch, page):
    with replica_set(mongod, scratch) as (client, port):
        version = client.server_info()["version"]
        page.line(f"MongoDB {version} runs as a one-node replica set on 127.0.0.1:{port}, for this demo only."
                  " Loading a shop ...")
        started = time.monotonic()
        shop.load(client[SOURCE])
        size = client[SOURCE].command("dbStats")["dataSize"] / 2**20
        page.line(f"Database '{SOURCE}' is loaded: {size:.0f} MiB in {time.monotonic() - started:.0f} s."
                  " Now backupctl, as you would type it:")
        uri_file = os.path.join(scratch, "mongodb.uri")
        with open(os.open(uri_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(f"mongodb://127.0.0.1:{port}/?replicaSet=demo\n")

        backupctl = CommandLine(binary, scratch, page)
        backupctl("job", "create", JOB, "--uri-file", uri_file, "--database", SOURCE, spare=33)
        backupctl("run", JOB, spare=27)
        backupctl("list", spare=24)
        # If it is too long, the list of the namespaces is what to see.
        backupctl("show", f"{JOB}@latest", spare=10, tail=13)
        backupctl("restore", f"{JOB}@latest", "--to-file", uri_file,
                  "--ns-from", f"{SOURCE}.*", "--ns-to", f"{TARGET}.*", spare=5)
        if os.environ.get("DEMO_BREAK"):
            damage(client[TARGET], os.environ["DEMO_BREAK"])
        compare(client, page)


SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def interrupt(number, _frame):
    """Unwinds the demo; a second Ctrl-C must not cut its clean-up short."""
    for each in SIGNALS:
        signal.signal(each, signal.SIG_IGN)
    raise SystemExit(128 + number)


def main():
    if len(sys.argv) != 2 or not os.access(sys.argv[1], os.X_OK) or not os.environ.get("MONGOD"):
        print("usage: MONGOD=/path/to/mongod demo.py /path/to/backupctl", file=sys.stderr)
        return 64
    for number in SIGNALS:
        signal.signal(number, interrupt)
    scratch = tempfile.mkdtemp(prefix="backupctl-demo-")
    page = Page()
    sys.stdout.reconfigure(errors="replace")
    try:
        demo(os.environ["MONGOD"], os.path.abspath(sys.argv[1]), scratch, page)
    except (DemoError, PyMongoError, OSError) as error:
        print(f"error: the demo failed: {error}", file=sys.stderr)
        return 1
    finally:
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        shutil.rmtree(scratch, ignore_errors=True)
    page.line("Done: the restored database is the same. The server is stopped and all scratch files are removed.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
