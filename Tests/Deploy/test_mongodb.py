"""The scripts in deploy/mongodb and the program, on a replica set of three real mongods with logins."""

import json
import os
import shutil
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

import pymongo

from replica_set import SCRIPTS, ReplicaSet

BINARY = os.environ["BACKUPCTL_TEST_BINARY"]
HOST = Path(BINARY).parent / "DaemonHost"
members = None


def setUpModule():
    global members
    if not shutil.which("node"):
        raise unittest.SkipTest("no 'node' here, which runs what is written for mongosh")
    members = ReplicaSet()
    unittest.addModuleCleanup(members.remove)
    members.initiate()
    members.run("create-users.js", members.uri("root"), USERS="backup,backup-database,restore")
    with members.client("root") as root:
        root.shop.orders.insert_many({"number": number, "text": "x" * 100} for number in range(2_000))
        root.shop.orders.create_index("number")
        root.other.things.insert_one({"a": 1})


class Case(unittest.TestCase):
    def setUp(self):
        self.state = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.state)

    def backupctl(self, *words, status=0):
        done = subprocess.run(
            [BINARY, "--state-dir", self.state, *words], capture_output=True, text=True, timeout=120,
            env={"PATH": "/usr/bin:/bin"})
        if status is not None:
            self.assertEqual(done.returncode, status, done.stdout[-1500:] + done.stderr[-1500:])
        return done

    def file(self, user):
        return str(members.write(user + ".uri", members.uri(user)))

    def refused(self, user, work):
        with members.client(user) as client, self.assertRaises(pymongo.errors.OperationFailure) as caught:
            work(client)
        self.assertEqual(caught.exception.code, 13, caught.exception)


class Users(Case):
    def test_scripts_can_be_run_again(self):
        self.assertIn("before", members.initiate())
        said = members.run("create-users.js", members.uri(), USERS="backup", LOGIN="root")
        self.assertEqual(said, "changed backup\n")
        self.assertNotIn(members.passwords["backup"], said)
        with members.client("backup") as client:
            client.admin.command("ping")

    def test_a_short_password_is_refused(self):
        members.write("secrets/backup-shop", "short")
        self.addCleanup(members.write, "secrets/backup-shop", members.passwords["backup-shop"])
        with self.assertRaisesRegex(AssertionError, "less than 12 characters"):
            members.run("create-users.js", members.uri("root"), USERS="backup-database")

    def test_users_have_the_roles_of_the_files_and_no_others(self):
        with members.client("root") as root:
            for path in (SCRIPTS / "users").glob("*.json"):
                wanted = json.loads(path.read_text())
                there = root.admin.command("usersInfo", wanted["createUser"])["users"][0]
                self.assertEqual(there["roles"], wanted["roles"])

    def test_whole_deployment_is_backed_up_and_restored_under_other_names(self):
        self.backupctl("job", "create", "all", "--uri-file", self.file("backup"), "--engine", "builtin")
        run = json.loads(self.backupctl("run", "all", "--json").stdout)
        self.assertEqual(run["state"], "succeeded")
        names = {one["namespace"] for one in json.loads(self.backupctl("show", "all@latest", "--json").stdout)["namespaces"]}
        self.assertLessEqual({"shop.orders", "other.things", "admin.system.users"}, names)
        restore = ("restore", "all@latest", "--to-file", self.file("restore"), "--engine", "builtin", "--ns-include",
                   "shop.*", "--ns-from", "shop.*", "--ns-to", "copy.*", "--json")
        self.assertEqual(json.loads(self.backupctl(*restore).stdout)["documents"]["restored"], 2_000)
        self.assertEqual(json.loads(self.backupctl(*restore, "--existing", "drop", "--yes").stdout)["state"], "succeeded")
        with members.client("root") as root:
            hashes = [root[name].command("dbHash")["collections"]["orders"] for name in ("shop", "copy")]
            self.assertEqual(*hashes)
            self.assertEqual(len(root.copy.orders.index_information()), 2)

    def test_users_and_roles_can_be_restored(self):
        self.backupctl("job", "create", "all", "--uri-file", self.file("backup"), "--engine", "builtin")
        self.backupctl("run", "all")
        with members.client("root") as root:
            root.admin.command("dropUser", "backup-shop")
        self.addCleanup(members.run, "create-users.js", members.uri("root"), USERS="backup-database")
        self.backupctl("restore", "all@latest", "--to-file", self.file("restore"), "--engine", "builtin", "--with-users",
                       "--existing", "drop", "--yes", "--ns-include", "other.*", status=None)
        with members.client("root") as root:
            self.assertEqual(len(root.admin.command("usersInfo", "backup-shop")["users"]), 1)

    def test_one_database_is_backed_up_by_who_can_read_no_other(self):
        self.backupctl("job", "create", "shop", "--uri-file", self.file("backup-shop"), "--database", "shop", "--engine",
                       "builtin")
        self.assertEqual(json.loads(self.backupctl("run", "shop", "--json").stdout)["state"], "succeeded")
        self.backupctl("job", "create", "all", "--uri-file", self.file("backup-shop"), "--engine", "builtin")
        run = json.loads(self.backupctl("run", "all", "--json", status=1).stdout)
        self.assertEqual(run["state"], "failed")
        self.refused("backup-shop", lambda client: client.other.things.find_one())
        self.refused("backup-shop", lambda client: client["local"]["oplog.rs"].find_one())

    def test_roles_that_atlas_has_are_enough(self):
        """Atlas has no role 'restore' for its users (docs/atlas.md)."""
        members.passwords["atlas"] = "atlas-password"
        with members.client("root") as root:
            root.admin.command("createUser", "atlas", pwd="atlas-password", roles=["readWriteAnyDatabase", "dbAdminAnyDatabase"])
            self.addCleanup(lambda: members.client("root").admin.command("dropUser", "atlas"))
        self.backupctl("job", "create", "shop", "--uri-file", self.file("backup"), "--database", "shop", "--engine", "builtin")
        self.backupctl("run", "shop")
        restore = ("restore", "shop@latest", "--to-file", self.file("atlas"), "--engine", "builtin", "--rename", "shop=fromAtlas",
                   "--json")
        self.assertEqual(json.loads(self.backupctl(*restore).stdout)["documents"]["restored"], 2_000)
        again = self.backupctl(*restore, "--existing", "drop", "--yes")
        self.assertEqual(json.loads(again.stdout)["state"], "succeeded")

    def test_who_backs_up_changes_nothing(self):
        for user in ("backup", "backup-shop"):
            self.refused(user, lambda client: client.shop.orders.insert_one({}))
            self.refused(user, lambda client: client.shop.orders.delete_one({}))
            self.refused(user, lambda client: client.shop.orders.drop())
            self.refused(user, lambda client: client.admin.command("createUser", "me", pwd="x" * 12, roles=["root"]))
            self.refused(user, lambda client: client.admin.command("shutdown"))

    def test_who_restores_reads_no_documents(self):
        self.refused("restore", lambda client: client.shop.orders.find_one())
        self.refused("restore", lambda client: client["local"]["oplog.rs"].find_one())
        self.refused("restore", lambda client: client.admin.command("shutdown"))


class WithoutAPrimary(Case):
    """Its name makes it the last class of this file: a member is gone then."""

    RETRIES = "5"

    @unittest.skipUnless(HOST.exists(), "no 'DaemonHost' beside the program")
    def test_a_run_whose_primary_dies_ends_truly_and_is_made_good(self):
        with members.client("root") as root:
            for start in range(0, 200_000, 5_000):
                root.large.things.insert_many(
                    {"number": number, "text": os.urandom(600)} for number in range(start, start + 5_000))
        # The real daemon, one minute of whose clock is a second, half a minute before the instant. The next instant is a day
        # later, so that what makes the run good is the retry.
        instant = (int(time.time()) // 3600 + 2) * 3600
        self.backupctl("job", "create", "large", "--uri-file", self.file("backup"), "--database", "large", "--engine", "builtin",
                       "--schedule", f"0 {instant // 3600 % 24} * * *", "--retries", self.RETRIES)
        with open(Path(self.state) / "log", "wb") as log:
            daemon = subprocess.Popen([HOST, self.state, str(instant - 30), "60"], stdout=log, stderr=log)
        self.addCleanup(daemon.wait)
        self.addCleanup(daemon.kill)
        primary = members.primary()
        incoming = Path(self.state) / "repository" / ".incoming"
        self.until("a run is well under way", lambda: any(
            path.stat().st_size > 1 << 20 for path in incoming.glob("*") if path.exists()))
        members.kill(primary)
        self.until("a run succeeds", lambda: any(run["state"] == "succeeded" for run in self.runs()))
        runs = self.runs()[::-1]
        self.assertEqual(
            [(run["trigger"], run["state"]) for run in (runs[0], runs[-1])], [("schedule", "failed"), ("retry", "succeeded")])
        self.assertIn("large.things", runs[0]["error"]["message"])
        self.assertIsNone(runs[0]["snapshot"])
        self.assertNotIn(members.passwords["backup"], json.dumps(runs))
        good = next(run for run in runs if run["state"] == "succeeded")
        self.assertEqual(good["documents"], 200_000)
        listed = json.loads(self.backupctl("list", "large", "--json").stdout)
        self.assertEqual([one["state"] for one in listed], ["good"])
        self.assertNotEqual(members.primary(), primary)
        restored = self.backupctl(
            "restore", "large@latest", "--to-file", self.file("restore"), "--engine", "builtin", "--rename", "large=again",
            "--json")
        self.assertEqual(json.loads(restored.stdout)["documents"]["restored"], 200_000)

    def runs(self):
        return json.loads(self.backupctl("history", "large", "--json").stdout)

    def until(self, what, ready, seconds=120):
        end = time.monotonic() + seconds
        while not ready():
            self.assertLess(time.monotonic(), end, f"not in time: {what}; {self.runs()}")
            time.sleep(0.05)


if __name__ == "__main__":
    unittest.main()
