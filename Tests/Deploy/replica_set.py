"""Three real mongods on loopback with logins and a keyfile, made into a set by the scripts in deploy/mongodb."""

import json
import os
import random
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pymongo

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "deploy" / "mongodb"

# What the scripts use of mongosh, for node: 'db' asks the server through pymongo, one process for each command.
SHELL = """
const { execFileSync } = require('child_process');
const [python, self, script] = process.argv.slice(2);
globalThis.print = (...words) => console.log(...words);
globalThis.sleep = (time) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, time);
globalThis.db = {
    getSiblingDB: (name) => ({
        auth: (user, password) => {
            process.env.URI = process.env.URI.replace('//', `//${user}:${encodeURIComponent(password)}@`);
        },
        runCommand: (command) => {
            const input = JSON.stringify({ name, command });
            const said = JSON.parse(execFileSync(python, ['-B', self, 'ask'], { input }).toString());
            if (said.ok === 1) return said;
            throw Object.assign(new Error(said.errmsg), { code: said.code, codeName: said.codeName });
        },
    }),
};
require(script);
"""


def ask():
    """One command of the shell above, from standard input to the server that URI names."""
    asked = json.load(sys.stdin)
    with pymongo.MongoClient(os.environ["URI"], serverSelectionTimeoutMS=20_000) as client:
        try:
            said = client[asked["name"]].command(asked["command"])
        except pymongo.errors.OperationFailure as error:
            said = {"ok": 0, "code": error.code, "codeName": (error.details or {}).get("codeName"), "errmsg": str(error)}
    json.dump({**said, "ok": int(said["ok"])}, sys.stdout, default=str)


def free_ports(count):
    """Below the range from which the system takes ports for clients: nobody else is given them meanwhile."""
    sockets = []
    try:
        while len(sockets) < count:
            one = socket.socket()
            try:
                one.bind(("127.0.0.1", random.randrange(15_000, 30_000)))
            except OSError:
                one.close()
                continue
            sockets.append(one)
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


class ReplicaSet:
    def __init__(self):
        self.folder = Path(tempfile.mkdtemp())
        self.ports = free_ports(3)
        self.members = {}
        self.passwords = {}
        (self.folder / "secrets").mkdir(mode=0o700)
        for name in ("root", "backup", "backup-shop", "restore"):
            self.passwords[name] = secrets.token_urlsafe(18)
            self.write("secrets/" + name, self.passwords[name])
        self.key = self.write("keyfile", secrets.token_hex(100))
        for port in self.ports:
            self.start(port)
        for port in self.ports:
            self.wait(port)

    def wait(self, port):
        """Until a member takes connections; what it logged, if it ends instead."""
        end = time.monotonic() + 120
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=5).close()
                return
            except OSError:
                if self.members[port].poll() is None and time.monotonic() < end:
                    time.sleep(0.1)
                    continue
            log = (self.folder / f"{port}.log").read_text()[-1500:]
            self.remove()
            raise AssertionError(f"the member on port {port} does not answer: {log}")

    def write(self, name, text):
        path = self.folder / name
        path.touch(mode=0o600)
        path.write_text(text + "\n")
        return path

    def start(self, port):
        path = self.folder / str(port)
        path.mkdir(exist_ok=True)
        with open(self.folder / f"{port}.log", "ab") as log:
            self.members[port] = subprocess.Popen(
                [os.environ["BACKUPCTL_TEST_MONGOD"], "--dbpath", path, "--port", str(port), "--bind_ip", "127.0.0.1",
                 "--replSet", "rs0", "--keyFile", self.key, "--wiredTigerCacheSizeGB", "0.25", "--nounixsocket",
                 "--setParameter", "diagnosticDataCollectionEnabled=false"], stdout=log, stderr=log)

    def run(self, script, uri, **variables):
        """A script of deploy/mongodb; what it printed."""
        shell = self.write("shell.js", SHELL)
        done = subprocess.run(
            ["node", shell, sys.executable, __file__, SCRIPTS / script], capture_output=True, text=True, timeout=180,
            env={"PATH": os.environ["PATH"], "URI": uri, "PASSWORDS": str(self.folder / "secrets"), **variables})
        if done.returncode != 0:
            raise AssertionError(f"{script}: {done.stdout}{done.stderr[-1500:]}")
        return done.stdout

    def initiate(self):
        return self.run(
            "replica-set.js", f"mongodb://127.0.0.1:{self.ports[0]}/?directConnection=true",
            MEMBERS=",".join(f"127.0.0.1:{port}" for port in self.ports))

    def uri(self, user=None):
        login = f"{user}:{self.passwords[user]}@" if user else ""
        hosts = ",".join(f"127.0.0.1:{port}" for port in self.ports)
        return f"mongodb://{login}{hosts}/?authSource=admin&replicaSet=rs0"

    def client(self, user):
        return pymongo.MongoClient(self.uri(user), serverSelectionTimeoutMS=20_000)

    def primary(self):
        with self.client("root") as client:
            client.admin.command("ping")
            return client.primary[1]

    def kill(self, port):
        self.members[port].send_signal(signal.SIGKILL)
        self.members[port].wait()

    def remove(self):
        for process in self.members.values():
            process.kill()
            process.wait()
        shutil.rmtree(self.folder)


if __name__ == "__main__":
    ask()
