"""Makes a state directory of a given size: jobs, their runs over the last days, and the snapshots that are left.

    Benchmarks/catalog.py BACKUPCTL STATE [--jobs 10000] [--runs 1000000] [--snapshots 100000]

The jobs come from 'backupctl apply', so the schema and they are the product's own. Runs, snapshots, namespaces and events
are written beside it, with the digest that each row has to carry, in any state a row can be in. Afterwards 'backupctl
catalog check' must find every row sound (`--no-check` leaves that out). Archives are empty files of the right length: all
that listings look at. The same arguments and the same '--now' give the same rows.

No job is due for some twelve hours after '--now' (default: this moment), so that a daemon is at rest.
"""

import argparse
import hashlib
import json
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import time

DAY = 86_400_000
ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"

RUN = [
    "id", "kind", "job", "trigger", "scheduled_for", "attempt", "state", "queued_at", "started_at", "finished_at",
    "heartbeat_at", "owner_process", "owner_start_ticks", "owner_boot", "cancel_requested_by", "engine_name",
    "engine_version", "snapshot", "documents", "failed_documents", "namespaces", "uncompressed_bytes", "stored_bytes",
    "warnings", "error_code", "error_message", "error_hint",
]
SNAPSHOT = [
    "id", "job", "run", "repository", "created_at", "state", "engine_name", "engine_version", "server_version",
    "consistency", "file", "stored_bytes", "uncompressed_bytes", "sha256", "manifest_sha256", "documents",
    "namespace_count", "verified_at", "pin_reason", "pin_until", "size_accepted_at",
]
NAMESPACE = ["snapshot", "position", "database", "collection", "type", "documents", "bytes", "crc64", "indexes"]
EVENT = ["id", "at", "actor", "action", "repository", "job", "run", "snapshot", "detail"]


class Sealed:
    """Rows of one table, each with SHA-256 of the table's name and its values in the order of the columns' names."""

    def __init__(self, database, table, columns):
        self.database = database
        self.head = b"T%d:%s" % (len(table), table.encode())
        self.order = sorted((name, index) for index, name in enumerate(columns))
        self.prefixes = [(index, b"C%d:%s" % (len(name), name.encode())) for name, index in self.order]
        self.statement = "INSERT INTO %s (%s, digest) VALUES (%s)" % (
            table, ", ".join(columns), ", ".join("?" * (len(columns) + 1)))
        self.rows = []
        self.count = 0

    def add(self, values):
        parts = [self.head]
        for index, prefix in self.prefixes:
            value = values[index]
            if value is None:
                continue
            if isinstance(value, int):
                data, tag = b"%d" % value, b"i"
            else:
                data, tag = value.encode(), b"s"
            parts.append(b"%s%s%d:%s" % (prefix, tag, len(data), data))
        self.rows.append((*values, hashlib.sha256(b"".join(parts)).digest()))
        if len(self.rows) >= 20_000:
            self.flush()

    def flush(self):
        self.database.executemany(self.statement, self.rows)
        self.count += len(self.rows)
        self.rows = []


def stamp(milliseconds):
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(milliseconds // 1000))


class History:
    """What happened to all jobs, in the order of time."""

    def __init__(self, database, jobs, days, kept, now):
        self.random = random.Random(7)
        self.runs = Sealed(database, "run", RUN)
        self.snapshots = Sealed(database, "snapshot", SNAPSHOT)
        self.namespaces = Sealed(database, "snapshot_namespace", NAMESPACE)
        self.events = Sealed(database, "event", EVENT)
        self.last_event = database.execute("SELECT max(id) FROM event").fetchone()[0]
        self.jobs, self.days, self.kept, self.now = jobs, days, kept, now
        self.boot = open("/proc/sys/kernel/random/boot_id").read().strip()
        # A run that goes on needs an owner that lives, else the next command ends it.
        self.init_ticks = int(open("/proc/1/stat").read().rpartition(")")[2].split()[19])
        self.files = []
        self.used = set()

    def new_id(self, at):
        while True:
            run = stamp(at) + "-" + "".join(self.random.choices(ALPHABET, k=4))
            if run not in self.used:
                self.used.add(run)
                return run

    def event(self, at, actor, action, job, run, snapshot=None, detail=None):
        self.last_event += 1
        self.events.add((self.last_event, at, actor, action, "default" if snapshot else None, job, run, snapshot, detail))

    def run(self, job, kind, trigger, instant, attempt, state, at, keeps=False, document_count=12_000):
        run = self.new_id(at)
        started = None if state in ("queued", "missed", "skipped") else at + 40
        ends = state not in ("queued", "running")
        took = 1_000 + self.random.randrange(90_000)
        finished = (at + took if started else at) if ends else None
        owner = None if started is None and ends else (4_000, 1_234_567, self.boot)
        if state in ("running", "queued"):
            owner = (1, self.init_ticks, self.boot)
        error = {
            "failed": ("server-unreachable", "cannot reach the server: no primary within 30 s", "check the address."),
            "partial": ("incomplete", "restored 11,990 of 12,000 documents", None),
            "cancelled": ("cancelled", "cancelled by root (0)", None),
            "interrupted": ("interrupted", "interrupted: process 4000, which owned the run, is gone", None),
            "missed": ("missed", "missed: nothing was there to start it in time", None),
            "skipped": ("skipped", "skipped: the run before it was still going on", None),
        }.get(state, (None, None, None))
        documents = document_count if state in ("succeeded", "partial") and kind != "prune" else 0
        bytes_ = documents * 310
        snapshot = None
        if kind == "backup" and state == "succeeded":
            snapshot = f"{job}-{run}"
        elif kind in ("restore", "verify"):
            snapshot = f"{job}-{run}"
        self.runs.add((
            run, kind, job, trigger, instant, attempt, state, at, started, finished, started, *(owner or (None,) * 3),
            None, "builtin" if started and kind != "prune" else None, "0.1.0" if started and kind != "prune" else None,
            snapshot, documents, 10 if state == "partial" else 0, 3 if documents else 0, bytes_, bytes_ // 3,
            '["collection \'app.old\' went away while it was read"]' if state == "succeeded" and documents % 10 == 1
            else "[]", *error))
        if trigger == "schedule" or trigger == "retry":
            self.event(at, "root (0)", "run-recorded", job, run, detail=state if not started else "queued")
        if started:
            self.event(started, "root (0)", "run-started", job, run)
        if started and ends:
            if kind == "backup" and state == "succeeded":
                self.event(finished, "root (0)", "snapshot-published", job, run, snapshot)
            else:
                self.event(finished, "root (0)", "run-finished", job, run, detail=state)
        if keeps and snapshot and kind == "backup":
            self.snapshot(snapshot, job, run, started, finished, documents)
        elif snapshot and kind == "backup":
            # Retention took it away since.
            self.event(finished + 1, "root (0)", "snapshot-deleted", job, run, snapshot)
        return finished

    def snapshot(self, snapshot, job, run, started, finished, documents):
        state = "damaged" if self.random.random() < 0.002 else "good"
        file = f"{job}/{run[:4]}/{snapshot}.archive.gz"
        stored, size = max(1, documents * 103), max(1, documents * 310)
        sha = hashlib.sha256(snapshot.encode()).hexdigest()
        self.snapshots.add((
            snapshot, job, run, "default", started, state, "builtin", "0.1.0", "6.0.5", "per-collection", file, stored,
            size, sha, sha[::-1], documents, 3, finished // 1000 * 1000,
            "before the migration" if self.random.random() < 0.005 else None, None, None))
        for position, name in enumerate(("customers", "orders", "products")):
            self.namespaces.add((
                snapshot, position, "app", name, "collection", documents // 3, size // 3, sha[:16], position + 1))
        self.files.append((file, stored))

    def day(self, number):
        ago = self.days - number
        for index, (job, minute) in enumerate(self.jobs):
            # The last instant before now, so many days before.
            now_minute = self.now // 60_000
            instant = (now_minute - (now_minute - minute) % 1440) * 60_000 - (ago - 1) * DAY
            at = instant + 20 + self.random.randrange(50_000)
            keeps = ago <= self.kept
            lot = self.random.random()
            documents = 12_000 + index % 100
            if lot < 0.93 or ago < 2:
                self.run(job, "backup", "schedule", instant, 1, "succeeded", at, keeps, documents)
            elif lot < 0.96:
                end = self.run(job, "backup", "schedule", instant, 1, "failed", at)
                self.run(job, "backup", "retry", instant, 2, "succeeded", end + 60_000, keeps, documents)
            elif lot < 0.97:
                self.run(job, "backup", "schedule", instant, 1, "missed", at)
            elif lot < 0.975:
                self.run(job, "backup", "schedule", instant, 1, "skipped", at)
            elif lot < 0.98:
                self.run(job, "backup", "schedule", instant, 1, "cancelled", at)
            elif lot < 0.985:
                self.run(job, "backup", "schedule", instant, 1, "interrupted", at)
            else:
                self.run(job, "backup", "schedule", instant, 1, "succeeded", at, keeps, documents)
                kind = self.random.choice(["prune", "prune", "prune", "restore", "verify"])
                state = "partial" if kind == "restore" and lot > 0.995 else "succeeded"
                self.run(job, kind, "manual", None, 1, state, at + 200_000, False, documents)

    def write(self):
        for number in range(self.days):
            self.day(number)
        # A few that go on or wait, asked for by hand.
        for index in range(min(20, len(self.jobs))):
            job = self.jobs[index * len(self.jobs) // 20][0]
            self.run(job, "backup", "manual", None, 1, "running" if index % 4 == 0 else "queued", self.now - 60_000)
        for table in (self.runs, self.snapshots, self.namespaces, self.events):
            table.flush()


def make_jobs(binary, state, count, now):
    """Jobs that were due between fourteen and four hours ago, so none is due soon."""
    minutes = {}
    lines = ["version: 1", "jobs:"]
    now_minute = now % DAY // 60_000
    for index in range(count):
        minute = (now_minute - 840 + index * 600 // count) % 1440
        name = f"job-{index:05}"
        minutes[name] = minute
        retention = ", retention: {keepDaily: 7, keepWeekly: 4}" if index % 2 else ""
        lines.append(
            f'  {name}: {{source: {{uri: "mongodb://db{index % 50}.example.net:27017", database: app}}, '
            f'schedule: "{minute % 60} {minute // 60} * * *"{retention}}}')
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write("\n".join(lines) + "\n")
        file.flush()
        command = [binary, "--state-dir", state, "apply", "-f", file.name, "--yes", "--json"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return sorted(minutes.items(), key=lambda job: ((job[1] - now_minute - 1) % 1440, job[0]))


def fill(state, jobs, days, kept, now):
    database = sqlite3.connect(f"{state}/catalog.sqlite", isolation_level=None)
    # Triggers that watch over each step of a run are out of place where a whole past is written at once; they and the
    # indexes are put back to the letter, and the check afterwards compares the schema.
    later = database.execute(
        "SELECT type, name, sql FROM sqlite_schema WHERE type IN ('trigger', 'index') AND sql IS NOT NULL").fetchall()
    database.execute("PRAGMA synchronous = OFF")
    database.execute("PRAGMA cache_size = -400000")
    database.execute("BEGIN IMMEDIATE")
    for kind, name, _ in later:
        database.execute(f"DROP {kind} {name}")
    history = History(database, jobs, days, kept, now)
    history.write()
    for kind in ("index", "trigger"):
        for row in later:
            if row[0] == kind:
                database.execute(row[2])
    database.execute("COMMIT")
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    return history


def make_files(state, files):
    for file, size in files:
        path = f"{state}/repository/{file}"
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600)
        os.ftruncate(descriptor, size)
        os.close(descriptor)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("binary")
    parser.add_argument("state")
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=1_000_000)
    parser.add_argument("--snapshots", type=int, default=100_000)
    parser.add_argument("--now", type=int, default=int(time.time()), help="seconds since 1970")
    parser.add_argument("--no-check", action="store_true")
    options = parser.parse_args()
    now = options.now * 1000
    days = max(1, round(options.runs / options.jobs / 1.045))
    kept = max(1, round(options.snapshots / options.jobs / 0.975))
    jobs = make_jobs(options.binary, options.state, options.jobs, now)
    history = fill(options.state, jobs, days, kept, now)
    make_files(options.state, history.files)
    counts = {
        "jobs": len(jobs), "runs": history.runs.count, "snapshots": history.snapshots.count,
        "namespaces": history.namespaces.count, "events": history.last_event,
        "bytes": os.path.getsize(f"{options.state}/catalog.sqlite"),
    }
    print(json.dumps(counts))
    if options.no_check:
        return
    command = [options.binary, "--state-dir", options.state, "--json", "catalog", "check"]
    result = json.loads(subprocess.run(command, stdout=subprocess.PIPE).stdout)
    catalog = {key: value for key, value in result.items() if key != "findings"}
    # The archives here have no manifests; that is all that may be found.
    kinds = sorted({finding["kind"] for finding in result.get("findings", [])})
    print(json.dumps({"check": catalog, "findings": kinds}))
    if catalog.get("damagedRows") or catalog.get("problems"):
        sys.exit("the catalog is not sound")


if __name__ == "__main__":
    main()
