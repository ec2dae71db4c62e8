"""Units, installation, completions and manual pages; run by scripts/test-deploy.sh with BACKUPCTL_TEST_BINARY set."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
import manpages  # noqa: E402

UNITS = ROOT / "deploy" / "systemd"
BINARY = os.environ["BACKUPCTL_TEST_BINARY"]


def run(*command, **variables):
    environment = {**os.environ, **variables}
    return subprocess.run(
        [str(word) for word in command], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)


def needs(program):
    return unittest.skipUnless(shutil.which(program), "no '%s' here" % program)


def settings(unit):
    text = (UNITS / unit).read_text()
    return [line for line in text.splitlines() if re.match(r"[A-Z]\w+=", line)]


class Units(unittest.TestCase):
    @needs("systemd-analyze")
    def test_exposure_is_at_most_1_5(self):
        for unit in ("backupctl.service", "backupctl-due.service"):
            with self.subTest(unit):
                done = run("systemd-analyze", "security", "--offline=true", "--threshold=15", UNITS / unit)
                self.assertEqual(done.returncode, 0, done.stdout[-200:] + done.stderr)

    @needs("systemd-analyze")
    def test_syntax_is_what_systemd_knows(self):
        with tempfile.TemporaryDirectory() as folder:
            names = []
            for unit in UNITS.glob("*.[st][ei][rm][ve]*"):
                copy = pathlib.Path(folder) / unit.name
                copy.write_text(unit.read_text().replace("/usr/bin/backupctl", BINARY))
                names.append(copy)
            self.assertEqual(len(names), 3)
            done = run("systemd-analyze", "verify", "--man=no", *names)
            complaints = [line for line in done.stderr.splitlines() if folder in line]
            self.assertEqual((done.returncode, complaints), (0, []), done.stderr)

    def test_both_services_have_the_same_restrictions(self):
        def restrictions(unit):
            lines = settings(unit)
            return sorted(lines[lines.index("StateDirectory=backupctl"):])

        def without_install(lines):
            return [line for line in lines if not line.startswith("WantedBy=")]

        self.assertEqual(
            without_install(restrictions("backupctl.service")), restrictions("backupctl-due.service"))

    def test_the_services_see_the_proc_of_the_machine(self):
        # With one of its own, commands outside may take the daemon for dead (see the comment in the unit).
        for unit in ("backupctl.service", "backupctl-due.service"):
            self.assertFalse([line for line in settings(unit) if re.match(r"ProcSubset=|ProtectProc=", line)])


class Installing(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.root = pathlib.Path(cls.folder.name)
        cls.done = run("scripts/install.sh", "install", DESTDIR=cls.folder.name, PREFIX="/usr/local", BINARY=BINARY)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def share(self, path):
        return self.root / "usr/local/share" / path

    def test_it_installs_and_the_units_name_the_prefix(self):
        self.assertEqual(self.done.returncode, 0, self.done.stderr)
        self.assertTrue(os.access(self.root / "usr/local/bin/backupctl", os.X_OK))
        for name in ("backupctl.service", "backupctl-due.service"):
            text = (self.root / "usr/local/lib/systemd/system" / name).read_text()
            self.assertIn("ExecStart=/usr/local/bin/backupctl ", text)
            self.assertNotIn("=/usr/bin/backupctl", text)

    def test_uninstalling_leaves_no_file(self):
        with tempfile.TemporaryDirectory() as folder:
            for action in ("install", "uninstall"):
                done = run("scripts/install.sh", action, DESTDIR=folder, PREFIX="/opt/b", BINARY=BINARY)
                self.assertEqual(done.returncode, 0, done.stderr)
                files = [path for path in pathlib.Path(folder).rglob("*") if not path.is_dir()]
                self.assertEqual(bool(files), action == "install", files)

    def test_without_a_program_nothing_is_installed(self):
        with tempfile.TemporaryDirectory() as folder:
            done = run("scripts/install.sh", "install", DESTDIR=folder, BINARY="/nonexistent")
            self.assertEqual((done.returncode, os.listdir(folder)), (1, []))

    def test_every_command_has_a_page(self):
        def commands(path):
            said = run(BINARY, *path, "--help").stdout
            part = said.partition("SUBCOMMANDS:\n")[2]
            for name in re.findall(r"^  ([a-z-]+) ", part, re.MULTILINE):
                yield path + [name]
                yield from commands(path + [name])

        wanted = {"backupctl.1"} | {"-".join(["backupctl", *path]) + ".1" for path in commands([])}
        self.assertGreater(len(wanted), 20)
        self.assertEqual({path.name for path in self.share("man/man1").iterdir()}, wanted)

    def test_text_is_never_a_request_of_roff(self):
        self.assertEqual(manpages.escaped(".so a\n'b\nc-\\d"), "\\&.so a\n\\&'b\nc\\-\\ed")

    @needs("mandoc")
    def test_pages_are_without_fault(self):
        done = run("mandoc", "-Tlint", "-Wwarning", *self.share("man/man1").iterdir())
        self.assertEqual((done.returncode, done.stdout), (0, ""))

    def test_completions_parse(self):
        for shell, option, path in (
            ("bash", "-n", "bash-completion/completions/backupctl"),
            ("zsh", "-n", "zsh/site-functions/_backupctl"),
            ("fish", "-n", "fish/vendor_completions.d/backupctl.fish"),
        ):
            with self.subTest(shell):
                self.assertIn("restore", self.share(path).read_text())
                if not shutil.which(shell):
                    self.skipTest("no '%s' here" % shell)
                done = run(shell, option, self.share(path))
                self.assertEqual(done.returncode, 0, done.stderr)


if __name__ == "__main__":
    unittest.main()
