#!/usr/bin/env python3
"""Compares the stand-ins with the real tools; run it by hand after a change of either.

    compare.py TOOLS SOURCE-URI TARGET-URI ARCHIVE...

TOOLS is a folder with the real mongodump and mongorestore, the URIs name two servers without authentication whose data
may be deleted, the archives (gzip if they end in .gz) are what to try. Each one is restored into the source by the real
tool. Then the source is dumped by the real tool and by the stand-in, and each of the two archives is restored into the
target by both: all four targets must hold what the source holds (types, options, indexes, counts, the server's own
hashes, users and roles), and both archives the same. The exit status is 1 if anything differs.
"""

import os
import pathlib
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
import bson  # noqa: E402
import pymongo  # noqa: E402

import fakearchive  # noqa: E402
import fakeclient  # noqa: E402

HERE = str(pathlib.Path(__file__).resolve().parent)
OWN = ("admin", "config", "local")


def make_launchers(folder):
    for name in ("mongodump", "mongorestore"):
        path = os.path.join(folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"#!{sys.executable} -I\nimport sys\nsys.dont_write_bytecode = True\n"
                       f"sys.path.insert(0, {HERE!r})\nimport faketools\n"
                       f"sys.exit(faketools.main(sys.argv, {name!r}))\n")
        os.chmod(path, 0o700)


def run(arguments, data=None):
    done = subprocess.run(arguments, input=data, capture_output=True, timeout=600, check=False)
    lines = done.stderr.decode("utf-8", "replace").splitlines()
    if done.returncode:
        raise SystemExit(f"{arguments} ended with {done.returncode}:\n" + "\n".join(lines[-5:]))
    return done.stdout, lines


def wipe(client):
    for name in client.list_database_names():
        if name not in OWN:
            fakeclient.database(client, name).command("dropDatabase")
    for kind in ("users", "roles"):
        for database in client.admin[f"system.{kind}"].distinct("db"):
            client[database].command(f"dropAll{kind.capitalize()}FromDatabase", 1)


def state(client):
    """What a round trip must keep, by namespace."""
    found = {}
    for database in client.list_database_names():
        if database in OWN:
            continue
        source = fakeclient.database(client, database)
        hashes = source.command("dbHash")["collections"]
        for one in source.list_collections():
            name, kind = one["name"], one.get("type", "collection")
            if name in ("system.views",):
                continue
            indexes = []
            if kind != "view" and not name.startswith("system.buckets."):
                indexes = sorted(map(fakearchive.to_json, fakeclient.indexes(client, database, name)))
            found[f"{database}.{name}"] = (
                kind, fakearchive.to_json(one.get("options", {})), indexes, hashes.get(name),
                0 if kind == "view" else source.command("count", name)["n"])
    for kind in ("users", "roles"):
        documents = [bson.encode(one) for one in client.admin[f"system.{kind}"].find()]
        found[f"admin.system.{kind}"] = sorted(documents)
    return found


def contents(archive):
    """The archive without what is left to chance: the order of the metadata and of the blocks."""
    import io
    reader = fakearchive.Reader(io.BytesIO(archive), bson.decode)
    header, metadata = reader.prelude()
    documents, ends, current = {}, {}, None
    for block, document in reader.events():
        if block is None:
            documents[current] += document
            continue
        current = block["db"], block["collection"]
        documents.setdefault(current, b"")
        if block["EOF"]:
            ends[current] = block["CRC"]
    for key, crc in ends.items():
        if fakearchive.crc64(documents[key], 0) != crc & 0xFFFFFFFFFFFFFFFF:
            raise SystemExit(f"{key}: the checksum is wrong")
    return header, sorted(bson.encode(one) for one in metadata), documents, ends


def differences(one, other):
    return [key for key in sorted(set(one) | set(other)) if one.get(key) != other.get(key)]


def compare(path, tools, uris, clients):
    problems = []
    for client in clients:
        wipe(client)
    zipped = ["--gzip"] if path.endswith(".gz") else []
    with open(path, "rb") as file:
        run([f"{tools['real']}/mongorestore", "--archive", "--bypassDocumentValidation", "--uri", uris[0], *zipped],
            file.read())
    wanted, archives, counts, last = state(clients[0]), {}, {}, {}
    for dumper, folder in tools.items():
        archives[dumper], lines = run([f"{folder}/mongodump", "--archive", "--uri", uris[0]])
        counts[dumper] = sorted(line.partition("\t")[2] for line in lines if "dumping `" in line or 'dumping "' in line)
    if counts["real"] != counts["fake"]:
        problems.append(f"counts in the log: {counts}")
    if contents(archives["real"]) != contents(archives["fake"]):
        problems.append("the archives differ")
    for dumper in tools:
        for restorer, folder in tools.items():
            wipe(clients[1])
            _, lines = run([f"{folder}/mongorestore", "--archive", "--bypassDocumentValidation", "--uri", uris[1]],
                           archives[dumper])
            last[dumper, restorer] = lines[-1].partition("\t")[2]
            problems += [f"{dumper} to {restorer}: {key}" for key in differences(wanted, state(clients[1]))]
    if len(set(last.values())) > 1:
        problems.append(f"last lines: {last}")
    print(f"{os.path.basename(path)}: {len(wanted) - 2} namespaces, {len(archives['real'])} bytes, "
          f"'{last['real', 'real']}', {len(problems)} differences", flush=True)
    for problem in problems:
        print(f"    {problem}", flush=True)
    return len(problems)


def main():
    if len(sys.argv) < 5:
        raise SystemExit(__doc__)
    uris = sys.argv[2:4]
    clients = [pymongo.MongoClient(uri) for uri in uris]
    with tempfile.TemporaryDirectory() as folder:
        make_launchers(folder)
        tools = {"real": sys.argv[1], "fake": folder}
        if sum(compare(path, tools, uris, clients) for path in sys.argv[4:]):
            raise SystemExit(1)


if __name__ == "__main__":
    main()
