#!/usr/bin/env python3
"""Measures backupctl against mongodump and mongorestore in one run. 'make benchmark' calls it; README.md has the method.

    MONGOD=/path/to/mongod benchmark.py [OPTION]... /path/to/backupctl

The ways of doing a job take turns, so that what else the machine does falls on all of them alike; medians are compared.
The real tools are those on PATH, or in $BACKUPCTL_TEST_TOOLS. Without them only our own figures are printed, and no ratios.
"""

import argparse
import contextlib
import ctypes
import json
import multiprocessing
import os
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time

from pymongo import MongoClient
from pymongo.errors import PyMongoError

sys.dont_write_bytecode = True
import dataset  # noqa: E402

GIB = 1 << 30
TICKS = os.sysconf("SC_CLK_TCK")
LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1


class BenchmarkError(Exception):
    """Something that the person at the terminal should read."""


def die_with_parent():
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def say(text):
    print(text, file=sys.stderr, flush=True)


class Server:
    """A mongod as a replica set of one, with the data in a folder that may be there from before."""

    def __init__(self, program, folder):
        os.makedirs(os.path.join(folder, "db"), exist_ok=True)
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            self.port = found.getsockname()[1]
        self.uri = f"mongodb://127.0.0.1:{self.port}/?directConnection=true"
        self.process = subprocess.Popen(
            [program, "--dbpath", os.path.join(folder, "db"), "--port", str(self.port), "--bind_ip", "127.0.0.1",
             "--replSet", "bench", "--oplogSize", "990", "--wiredTigerCacheSizeGB", "6", "--unixSocketPrefix", folder,
             "--logpath", os.path.join(folder, "mongod.log")],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, preexec_fn=die_with_parent)
        self.client = MongoClient(self.uri, serverSelectionTimeoutMS=60_000)
        self._become_primary()

    def _become_primary(self):
        # The port is another one each time, and the set's configuration has it.
        member = {"_id": "bench", "version": 1, "members": [{"_id": 0, "host": f"127.0.0.1:{self.port}"}]}
        try:
            self.client.admin.command("replSetInitiate", member)
        except PyMongoError:
            member["version"] = int(time.time())
            self.client.admin.command("replSetReconfig", member, force=True)
        for _ in range(600):
            if self.client.admin.command("hello").get("isWritablePrimary"):
                return
            time.sleep(0.1)
        raise BenchmarkError("the server did not become primary")

    def processor_seconds(self):
        with open(f"/proc/{self.process.pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def rest(self):
        """Waits until the server has done what it put off: dropped files, a checkpoint."""
        self.client.admin.command("fsync")
        quiet = 0
        for _ in range(600):
            before = self.processor_seconds()
            time.sleep(0.5)
            quiet = quiet + 1 if self.processor_seconds() - before < 0.05 else 0
            if quiet == 2:
                return

    def stop(self):
        self.client.close()
        self.process.terminate()
        try:
            self.process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self.process.kill()


def _insert(arguments):
    uri, collection, number = arguments
    client = MongoClient(uri)
    from bson.raw_bson import RawBSONDocument
    documents = [RawBSONDocument(each) for each in dataset.chunk(collection, number)]
    client[dataset.DATABASE][collection].insert_many(documents, ordered=False)
    client.close()


def seed(server, size):
    """Fills the server once; a folder that has the data already is taken as it is."""
    database = server.client[dataset.DATABASE]
    mark = server.client["benchmark_state"]["seeded"]
    if mark.find_one({"size": size, "shares": str(dataset.SHARES)}):
        return
    server.client.drop_database(dataset.DATABASE)
    mark.drop()
    say(f"benchmark: seeding {size / GIB:.2f} GiB")
    with multiprocessing.Pool(os.cpu_count()) as pool:
        for _ in pool.imap_unordered(_insert, [(server.uri, *each) for each in dataset.chunks(size)], chunksize=4):
            pass
    for collection, indexes in dataset.INDEXES.items():
        for keys in indexes:
            database[collection].create_index(keys)
    mark.insert_one({"size": size, "shares": str(dataset.SHARES)})


class Measurement(dict):
    """wall and processor seconds of client and server, peak bytes of the program's own process, bytes of the file."""


def measure(arguments, server, environment):
    """Runs one command to its end. The client's time is that of its whole process tree; its peak that of the first."""
    server_before = server.processor_seconds() if server else 0
    started = time.monotonic()
    child = subprocess.Popen(arguments, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, preexec_fn=die_with_parent)
    peak = [0]
    ended = threading.Event()

    def watch():
        while not ended.wait(0.02):
            with contextlib.suppress(OSError, StopIteration, ValueError):
                with open(f"/proc/{child.pid}/status") as file:
                    line = next(line for line in file if line.startswith("VmHWM:"))
                peak[0] = max(peak[0], int(line.split()[1]) * 1024)

    output = {}
    readers = [threading.Thread(target=lambda name=name: output.update({name: getattr(child, name).read()}))
               for name in ("stdout", "stderr")]
    watcher = threading.Thread(target=watch)
    for thread in [*readers, watcher]:
        thread.start()
    for thread in readers:
        thread.join()
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.monotonic() - started
    child.returncode = os.waitstatus_to_exitcode(status)
    ended.set()
    watcher.join()
    if child.returncode != 0:
        text = output["stderr"].decode(errors="replace")[-2000:]
        raise BenchmarkError(f"'{' '.join(arguments)[:300]}' ended with {child.returncode}:\n{text}")
    result = Measurement(
        wall=wall, client=usage.ru_utime + usage.ru_stime,
        server=(server.processor_seconds() - server_before) if server else 0, peak=peak[0])
    result.output = output["stdout"]
    return result


class Bench:
    def __init__(self, options, folder):
        self.options = options
        self.folder = folder
        self.environment = {"PATH": os.environ.get("PATH", ""), "HOME": folder, "TZ": "UTC", "LC_ALL": "C.UTF-8"}
        self.server = None
        tools = os.environ.get("BACKUPCTL_TEST_TOOLS")
        path = tools or os.environ.get("PATH", "")
        self.mongodump = shutil.which("mongodump", path=path)
        self.mongorestore = shutil.which("mongorestore", path=path)
        self.pigz = shutil.which("pigz")
        self.results = {}

    # Where things are

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def backupctl(self, *arguments):
        return [self.options.backupctl, *arguments, "--state-dir", self.path("state"), "--quiet"]

    def call(self, *arguments):
        return measure(self.backupctl(*arguments), None, self.environment).output

    def prepare(self, size):
        """A server with so much data, and our jobs for it."""
        folder = self.path(f"data-{size}")
        os.makedirs(folder, exist_ok=True)
        self.server = Server(self.options.mongod, folder)
        seed(self.server, size)
        self.server.rest()
        shutil.rmtree(self.path("state"), ignore_errors=True)
        with open(os.open(self.path("uri"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(self.server.uri + "\n")
        self.bytes = self.server.client[dataset.DATABASE].command("dbStats")["dataSize"]

    def finish(self):
        if self.server:
            self.server.stop()
            self.server = None
        shutil.rmtree(self.path("state"), ignore_errors=True)

    def job(self, name, *options):
        self.call("job", "create", name, "--uri-file", self.path("uri"), "--database", dataset.DATABASE, *options)

    # Dumps

    def dumps(self):
        """Name, and a function that makes the dump and gives its measurement."""
        ways = {}
        archive = self.path("tool.archive.gz")
        if self.mongodump:
            source = [f"--uri={self.server.uri}", f"--db={dataset.DATABASE}", "--quiet"]
            ways["mongodump --gzip"] = lambda: self._tool_dump(
                [self.mongodump, *source, "--gzip", f"--archive={archive}"], archive)
            ways["mongodump"] = lambda: self._tool_dump(
                [self.mongodump, *source, f"--archive={self.path('plain.archive')}"], self.path("plain.archive"))
            if self.pigz:
                line = f'set -o pipefail; "$1" "$2" "$3" --quiet --archive | pigz > "{self.path("pigz.archive.gz")}"'
                ways["mongodump | pigz"] = lambda: self._tool_dump(
                    ["bash", "-c", line, "bash", self.mongodump, source[0], source[1]], self.path("pigz.archive.gz"))
        for level in ("fast", "balanced", "small"):
            self.job(level, "--engine", "builtin", "--compression", level)
            ways[f"backupctl {level}"] = lambda level=level: self._own_dump(level)
        if self.mongodump:
            self.job("tool-fast", "--engine", "mongodump", "--tools-dir", os.path.dirname(self.mongodump),
                     "--compression", "fast")
            ways["backupctl fast, through mongodump"] = lambda: self._own_dump("tool-fast")
        return ways

    def _tool_dump(self, arguments, file):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(file)
        result = measure(arguments, self.server, self.environment)
        result["size"] = os.path.getsize(file)
        return result

    def _own_dump(self, job):
        for snapshot in self.snapshots(job):
            self.call("delete", snapshot["id"], "--yes", "--force")
        result = measure(self.backupctl("run", job, "--json"), self.server, self.environment)
        result["size"] = self.snapshots(job)[0]["storedBytes"]
        return result

    def snapshots(self, job):
        return json.loads(self.call("list", job, "--json"))

    # Restores

    def restores(self):
        ways = {}
        tool_archive = self.path("tool.archive.gz")
        if self.mongorestore:
            if not os.path.exists(tool_archive):
                self._tool_dump([self.mongodump, f"--uri={self.server.uri}", f"--db={dataset.DATABASE}", "--quiet",
                                 "--gzip", f"--archive={tool_archive}"], tool_archive)
            line = [self.mongorestore, f"--uri={self.server.uri}", "--quiet", "--gzip", f"--archive={tool_archive}",
                    f"--nsFrom={dataset.DATABASE}.*", "--nsTo=target.*"]
            ways["mongorestore"] = line
            ways["mongorestore, 4 insertion workers"] = [*line, "--numInsertionWorkersPerCollection=4"]
        if "fast" not in self.jobs():
            self.job("fast", "--engine", "builtin", "--compression", "fast")
        if not self.snapshots("fast"):
            self._own_dump("fast")
        target = ["--to-file", self.path("uri"), "--rename", f"{dataset.DATABASE}=target", "--json"]
        ways["backupctl"] = self.backupctl("restore", "fast@latest", *target, "--engine", "builtin")
        if self.mongorestore:
            file = self.snapshots("fast")[0]["file"]
            ways["mongorestore from our archive"] = [
                argument if not argument.startswith("--archive=") else f"--archive={file}" for argument in line]
            ways["backupctl from the archive of mongodump"] = self.backupctl(
                "restore", tool_archive, *target, "--engine", "builtin")
            ways["backupctl through mongorestore"] = self.backupctl(
                "restore", "fast@latest", *target, "--engine", "mongodump", "--tools-dir",
                os.path.dirname(self.mongorestore))
        return {name: lambda arguments=arguments: self._restore(arguments) for name, arguments in ways.items()}

    def jobs(self):
        return [job["name"] for job in json.loads(self.call("job", "list", "--json"))]

    def _require_equal(self, collections):
        """A restore that is fast because it restored less must not count."""
        source, target = self.server.client[dataset.DATABASE], self.server.client["target"]
        found = set(target.list_collection_names())
        if found != set(collections):
            raise BenchmarkError(f"restored {sorted(found)}, not {sorted(collections)}")
        for name in collections:
            for field in ("count", "size", "nindexes"):
                wanted, got = (each.command("collStats", name)[field] for each in (source, target))
                if wanted != got:
                    raise BenchmarkError(f"restored {field} {got} of '{name}', not {wanted}")

    def _restore(self, arguments, collections=tuple(dataset.SHARES)):
        self.server.client.drop_database("target")
        self.server.rest()
        result = measure(arguments, self.server, self.environment)
        self._require_equal(collections)
        self.server.client.drop_database("target")
        return result

    def selective(self):
        """One collection of 1 % out of the whole archive."""
        ways = {}
        self.job("fast", "--engine", "builtin", "--compression", "fast")
        self._own_dump("fast")
        file = self.snapshots("fast")[0]["file"]
        if self.mongorestore:
            ways["mongorestore --nsInclude"] = [
                self.mongorestore, f"--uri={self.server.uri}", "--quiet", "--gzip", f"--archive={file}",
                f"--nsFrom={dataset.DATABASE}.*", "--nsTo=target.*", f"--nsInclude={dataset.DATABASE}.audit"]
        ways["backupctl --ns-include"] = self.backupctl(
            "restore", "fast@latest", "--to-file", self.path("uri"), "--rename", f"{dataset.DATABASE}=target",
            "--ns-include", f"{dataset.DATABASE}.audit", "--json", "--engine", "builtin")
        return {name: lambda arguments=arguments: self._restore(arguments, ["audit"]) for name, arguments in ways.items()}

    # Measuring

    def compare(self, title, ways, first=None):
        """Runs all ways in turn, `runs` times; prints and keeps the medians."""
        runs = {name: [] for name in ways}
        for number in range(self.options.runs):
            for name, run in ways.items():
                say(f"benchmark: {title}, run {number + 1} of {self.options.runs}: {name}")
                runs[name].append(run())
        medians = {name: {key: statistics.median(run[key] for run in found) for key in found[0]}
                   for name, found in runs.items()}
        for name, found in runs.items():
            medians[name]["spread"] = (max(run["wall"] for run in found) - min(run["wall"] for run in found)) \
                / medians[name]["wall"]
        self.results[title] = medians
        base = medians.get(first)
        print(f"\n{title}: {self.bytes / GIB:.2f} GiB, medians of {self.options.runs}"
              + (f", in brackets as a share of '{first}'" if base else ""))
        columns = ["wall s", "client CPU s", "server CPU s", "peak MiB", "size MB", "spread"]
        print("| what | " + " | ".join(columns) + " |\n|" + "---|" * (len(columns) + 1))
        for name, median in medians.items():
            def cell(key, digits=2, unit=1):
                if key not in median:
                    return ""
                share = f" ({median[key] / base[key]:.3f})" if base and base.get(key) and key != "peak" else ""
                return f"{median[key] / unit:.{digits}f}{share}"
            print(f"| {name} | {cell('wall')} | {cell('client')} | {cell('server')} | {cell('peak', 0, 1 << 20)} | "
                  f"{cell('size', 1, 1e6)} | {median['spread'] * 100:.0f} % |", flush=True)

    def ratio(self, title, key, ours, theirs):
        found = self.results.get(title, {})
        if ours not in found or theirs not in found:
            return None
        return round(found[ours][key] / found[theirs][key], 4)


def summary(bench):
    """What the last line says: ours as a share of theirs."""
    dump, restore = "dump", "restore"
    tool = "mongodump --gzip"
    wanted = {}
    for level in ("fast", "balanced", "small"):
        for key in ("wall", "client", "size"):
            wanted[f"dump_{level}_{key}"] = bench.ratio(dump, key, f"backupctl {level}", tool)
    wanted["dump_tool_fast_wall"] = bench.ratio(dump, "wall", "backupctl fast, through mongodump", tool)
    wanted["restore_client"] = bench.ratio(restore, "client", "backupctl", "mongorestore")
    wanted["restore_wall"] = bench.ratio(restore, "wall", "backupctl", "mongorestore")
    wanted["restore_wall_4_workers"] = bench.ratio(restore, "wall", "backupctl", "mongorestore, 4 insertion workers")
    wanted["mongorestore_from_ours_wall"] = bench.ratio(
        restore, "wall", "mongorestore from our archive", "mongorestore")
    wanted["selective_wall"] = bench.ratio("selective", "wall", "backupctl --ns-include", "mongorestore --nsInclude")
    growth = bench.results.get("growth")
    if growth:
        costs = [entry["client_per_gib"] for entry in growth.values()]
        wanted["growth_client"] = round(costs[-1] / costs[0], 4)
    return {name: value for name, value in wanted.items() if value is not None}


def main():
    parser = argparse.ArgumentParser(description="Measures backupctl against mongodump and mongorestore.")
    parser.add_argument("backupctl")
    parser.add_argument("--size", type=float, default=1, help="GiB of documents (default: 1)")
    parser.add_argument("--runs", type=int, default=5, help="runs of each way (default: 5)")
    parser.add_argument("--only", default="dump,restore", help="of dump, restore, selective, growth (default: dump,restore)")
    parser.add_argument("--ways", help="only the ways whose name is in this list, by ';'")
    parser.add_argument("--folder", default=".build/benchmark", help="data, kept for the next time (default: %(default)s)")
    parser.add_argument("--json", help="file for all medians and ratios")
    options = parser.parse_args()
    options.mongod = os.environ.get("MONGOD") or shutil.which("mongod")
    if not options.mongod:
        raise BenchmarkError("no mongod: set MONGOD")
    options.backupctl = os.path.abspath(options.backupctl)
    folder = os.path.abspath(options.folder)
    os.makedirs(folder, exist_ok=True)
    bench = Bench(options, folder)
    if not bench.mongodump:
        say("benchmark: mongodump is not on PATH nor in BACKUPCTL_TEST_TOOLS: our own figures only, no ratios")

    def chosen(ways):
        return {name: way for name, way in ways.items()
                if not options.ways or name in options.ways.split(";")}

    size = int(options.size * GIB)
    steps = options.only.split(",")
    try:
        if "dump" in steps or "restore" in steps:
            bench.prepare(size)
            if "dump" in steps:
                bench.compare("dump", chosen(bench.dumps()), "mongodump --gzip")
            if "restore" in steps:
                bench.compare("restore", chosen(bench.restores()), "mongorestore")
            bench.finish()
        if "selective" in steps:
            bench.prepare(4 * size)
            bench.compare("selective", chosen(bench.selective()), "mongorestore --nsInclude")
            bench.finish()
        if "growth" in steps:
            grown = {}
            for factor in (0.25, 1, 4):
                bench.prepare(int(factor * size))
                bench.job("fast", "--engine", "builtin", "--compression", "fast")
                title = f"dump, {factor} times"
                bench.compare(title, {"backupctl fast": lambda: bench._own_dump("fast")})
                found = bench.results.pop(title)["backupctl fast"]
                gib = bench.bytes / GIB
                grown[str(factor)] = {**found, "gib": gib, "client_per_gib": found["client"] / gib,
                                      "wall_per_gib": found["wall"] / gib}
                bench.finish()
            bench.results["growth"] = grown
    finally:
        bench.finish()
    ratios = summary(bench)
    if options.json:
        with open(options.json, "w") as file:
            json.dump({"ratios": ratios, "medians": bench.results}, file, indent=1)
    print("\nratios: " + json.dumps(ratios))


if __name__ == "__main__":
    try:
        main()
    except BenchmarkError as error:
        say(f"error: cannot finish the benchmark: {error}")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
