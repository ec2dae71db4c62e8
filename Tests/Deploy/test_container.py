"""The compose file, its secrets and the text of the Dockerfile. The image itself is built and run by scripts/test-container.sh."""

import os
import re
import shlex
import shutil
import stat
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import yaml

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy" / "container"
BINARY = os.environ["BACKUPCTL_TEST_BINARY"]


def restores():
    """What README says after 'bk', where that is a restore."""
    page = (ROOT / "deploy/README.md").read_text()
    section = page[page.index("\n## Container\n"):page.index("\n## MongoDB\n")]
    return [shlex.split(words, comments=True) for words in re.findall(r"^    bk (restore .*)$", section, re.M)]


class Compose(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.read = yaml.safe_load((FOLDER / "compose.yaml").read_text())
        cls.services = cls.read["services"]

    def test_daemon_is_confined(self):
        daemon = self.services["backupctl"]
        self.assertTrue(daemon["read_only"])
        self.assertEqual(daemon["cap_drop"], ["ALL"])
        self.assertIn("no-new-privileges:true", daemon["security_opt"])
        self.assertNotIn("privileged", daemon)
        self.assertNotIn("user", daemon, "the image says who it is")
        self.assertEqual(daemon["ports"], ["127.0.0.1:8484:8484"])

    def test_three_members_with_a_keyfile_and_no_port_outside(self):
        members = {name: one for name, one in self.services.items() if name.startswith("mongo")}
        self.assertEqual(len(members), 3)
        for name, one in members.items():
            self.assertEqual(one["hostname"], name)
            self.assertNotIn("ports", one)
            self.assertIn("--keyFile", one["entrypoint"][-1])
        named = self.services["replica-set"]["environment"]["MEMBERS"]
        self.assertEqual(named, ",".join(f"{name}:27017" for name in members))

    def test_secrets_are_files_and_none_is_a_variable(self):
        for name, one in self.services.items():
            for key, value in one.get("environment", {}).items():
                self.assertNotRegex(key + str(value), r"(?i)password|token|mongodb://", name)
            self.assertLessEqual(set(one["secrets"]), set(self.read["secrets"]))
        self.assertEqual(set(self.services["backupctl"]["secrets"]), {"backup-uri", "restore-uri", "metrics-token"})
        for one in self.read["secrets"].values():
            self.assertTrue(one["file"].startswith("secrets/"))
        self.assertIn("deploy/container/secrets/", (ROOT / ".gitignore").read_text().splitlines())

    def test_who_restores_is_made_and_its_secret_is_where_the_page_says(self):
        self.assertIn("restore", self.services["replica-set"]["environment"]["USERS"].split(","))
        self.assertTrue((ROOT / "deploy/mongodb/users/restore.json").exists())
        documented = restores()
        self.assertEqual(len(documented), 3)
        for words in documented:
            path = Path(words[words.index("--to-file") + 1])
            self.assertEqual(path.parent, Path("/run/secrets"), "where compose mounts them")
            self.assertIn(path.name, self.services["backupctl"]["secrets"])

    def test_shell_in_it_parses(self):
        for one in self.services.values():
            text = (one.get("command") or one["entrypoint"])[-1].replace("$$", "$")
            done = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True, timeout=20)
            self.assertEqual((done.returncode, done.stderr), (0, ""))

    @unittest.skipUnless(shutil.which("podman"), "no 'podman' here, which podman-compose asks")
    def test_podman_compose_reads_it(self):
        done = subprocess.run(
            [sys.executable, "-m", "podman_compose", "-f", str(FOLDER / "compose.yaml"), "config"], capture_output=True,
            text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr[-1000:])
        self.assertEqual(set(yaml.safe_load(done.stdout)["services"]), set(self.services))

    def test_only_the_source_is_sent_to_the_builder(self):
        lines = (ROOT / ".dockerignore").read_text().splitlines()
        rules = [line for line in lines if line and not line.startswith("#")]
        self.assertEqual(rules[0], "*")
        self.assertFalse([rule for rule in rules[1:] if not rule.startswith("!") or "secrets" in rule])
        for rule in rules[1:]:
            self.assertTrue((ROOT / rule[1:]).exists() or rule.startswith("!.build/"), rule)


class Image(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        text = re.sub(r"\\\n\s*", "", (FOLDER / "Dockerfile").read_text())
        cls.stages = re.split(r"^FROM ", text, flags=re.MULTILINE)[1:]

    def test_it_has_the_licences_of_what_is_linked_in(self):
        self.assertEqual([stage.splitlines()[0].split()[-1] for stage in self.stages[:3]], ["source", "prebuilt", "program"])
        source, prebuilt, _, last = self.stages
        self.assertRegex(source, r"(?m)^RUN swift build .*&& scripts/licences.sh .build/checkouts .build/dist/licences$")
        self.assertRegex(prebuilt, r"(?m)^COPY .build/dist/licences .build/dist/licences$")
        copies = dict(re.findall(r"(?m)^COPY --from=program (\S+) (\S+)$", last))
        self.assertEqual(copies, {
            "/src/.build/dist/backupctl": "/usr/bin/backupctl",
            "/src/.build/dist/licences": "/usr/share/doc/backupctl/licences"})

    def test_what_it_copies_is_sent_to_the_builder(self):
        sent = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
        used = [word for stage in self.stages for word in re.findall(r"(?m)^COPY ([^-\s]\S*) ", stage)]
        self.assertEqual(used[0], ".")
        self.assertLess({"LICENSE", ".build/dist/backupctl"}, set(used))
        used = used[1:] + ["scripts/licences.sh", "deploy/licences"]
        self.assertEqual([path for path in used if path not in sent], [])


@unittest.skipUnless(os.geteuid() == 0 and shutil.which("setpriv"), "needs root and 'setpriv', to be two users")
class Secrets(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        self.folder.chmod(0o755)
        script = self.folder / "make-secrets.sh"
        shutil.copy(FOLDER / "make-secrets.sh", script)
        subprocess.run([script], check=True, timeout=20)
        self.secrets = self.folder / "secrets"

    def test_each_is_for_whom_it_is_and_stays(self):
        before = {path.name: path.read_text() for path in self.secrets.iterdir()}
        self.assertEqual(set(before), set(yaml.safe_load((FOLDER / "compose.yaml").read_text())["secrets"]))
        subprocess.run([self.folder / "make-secrets.sh"], check=True, timeout=20)
        self.assertEqual({path.name: path.read_text() for path in self.secrets.iterdir()}, before)
        for path in self.secrets.iterdir():
            status = path.stat()
            group = path.name in ("backup-uri", "restore-uri", "metrics-token")
            self.assertEqual((status.st_uid, status.st_gid), (0, 10001 if group else 0))
            self.assertEqual(stat.S_IMODE(status.st_mode), 0o440 if group else 0o600, path.name)
        for user in ("backup", "restore"):
            uri = urlsplit(before[user + "-uri"].strip())
            self.assertEqual((uri.username, uri.password), (user, before[user].strip()))
            self.assertEqual(dict(parse_qsl(uri.query)), {"replicaSet": "rs0", "authSource": "admin"})

    def test_a_folder_of_before_gets_what_is_new(self):
        before = {path.name: path.read_text() for path in self.secrets.iterdir()}
        (self.secrets / "restore-uri").unlink()
        subprocess.run([self.folder / "make-secrets.sh"], check=True, timeout=20)
        self.assertEqual({path.name: path.read_text() for path in self.secrets.iterdir()}, before)

    def test_the_daemons_user_gets_to_the_server_by_the_secret_for_restores(self):
        """Each command of the page, as far as the server, which is not there: the words and the secret are taken."""
        program = self.program()
        archive = shutil.copy(ROOT / "Tests/MongoArchiveTests/Fixtures/golden/10-base.archive", self.folder / "archive")
        archive.chmod(0o644)
        path = self.secrets / "restore-uri"
        path.write_text(path.read_text().replace("mongo1,mongo2,mongo3", "127.0.0.1:1").rstrip() + "&serverSelectionTimeoutMS=300\n")
        for words in restores():
            with self.subTest(words=words):
                words[words.index("main@latest")] = archive
                words[words.index("--to-file") + 1] = path
                path.chmod(0o440)
                done = self.as_the_daemon(program, *words)
                self.assertIn("cannot reach the server", done.stderr)
                self.assertNotIn(urlsplit(path.read_text()).password, done.stderr)
                path.chmod(0o444)
                self.assertIn("refusing to read", self.as_the_daemon(program, *words).stderr)

    def program(self):
        """Where the build is, other users may not be let in."""
        (self.folder / "state").mkdir(mode=0o700)
        os.chown(self.folder / "state", 10001, 10001)
        return shutil.copy(BINARY, self.folder / "backupctl")

    def as_the_daemon(self, program, *words):
        return subprocess.run(
            ["setpriv", "--reuid", "10001", "--regid", "10001", "--clear-groups", program, "--state-dir",
             self.folder / "state", *words], capture_output=True, text=True, timeout=30)

    def test_the_program_takes_what_root_gave_to_its_group_only(self):
        program = self.program()
        path = self.secrets / "backup-uri"
        for mode, owner, group, taken in (
            (0o440, 0, 10001, True), (0o444, 0, 10001, False), (0o460, 0, 10001, False), (0o440, 10001, 10001, False),
            (0o400, 10001, 10001, True),
        ):
            with self.subTest(mode=oct(mode), owner=owner):
                os.chown(path, owner, group)
                path.chmod(mode)
                done = self.as_the_daemon(program, "job", "create", f"j{mode:o}-{owner}", "--uri-file", path)
                self.assertEqual(done.returncode == 0, taken, done.stderr)
                self.assertEqual("refusing to read" in done.stderr, not taken, done.stderr)


if __name__ == "__main__":
    unittest.main()
