"""What is given to others: its licences, the size that the package says, and the comparison of two builds."""

import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def run(*command, folder=ROOT, **variables):
    return subprocess.run(
        [str(word) for word in command], cwd=folder, env={**os.environ, **variables}, capture_output=True, text=True,
        timeout=120)


class Scratch(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = Path(scratch.name)

    def write(self, path, text, mode=0o644):
        path = self.folder / path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
        return path


@unittest.skipUnless(shutil.which("swift"), "no 'swift' here")
class Licences(Scratch):
    def collect(self):
        return run(ROOT / "scripts/licences.sh", "checkouts", "made", folder=self.folder)

    def test_each_package_gives_its_own(self):
        self.write("checkouts/one/LICENSE.txt", "first")
        self.write("checkouts/one/NOTICE.txt", "second")
        self.write("checkouts/one/Sources/C/LICENSE", "third")
        self.write("checkouts/one/.git/LICENSE", "none")
        self.write("checkouts/two/LICENSE", "fourth")
        done = self.collect()
        self.assertEqual(done.returncode, 0, done.stderr)
        made = {str(path.relative_to(self.folder / "made")): path.read_text()
                for path in (self.folder / "made").rglob("*") if path.is_file()}
        ours = ("backupctl/LICENSE", "swift/LICENSE.txt", "libyaml/LICENSE", "icu/LICENSE")
        self.assertEqual(made.pop(ours[0]), (ROOT / "LICENSE").read_text())
        self.assertIn("Apache License", made.pop(ours[1]))
        self.assertIn("Kirill Simonov", made.pop(ours[2]))
        self.assertIn("UNICODE LICENSE V3", made.pop(ours[3]))
        self.assertEqual(made, {
            "one/LICENSE.txt": "first", "one/NOTICE.txt": "second", "one/Sources/C/LICENSE": "third", "two/LICENSE": "fourth"})

    def test_a_package_without_one_is_an_error(self):
        self.write("checkouts/one/LICENSE.txt", "first")
        self.write("checkouts/two/README.md", "free for all")
        done = self.collect()
        self.assertEqual(done.returncode, 1)
        self.assertIn("package 'two' has no licence", done.stderr)

    def test_no_packages_at_all_are_an_error(self):
        for make in (lambda: None, lambda: (self.folder / "checkouts").mkdir()):
            make()
            done = self.collect()
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertIn("there are no packages", done.stderr)


class Size(Scratch):
    def size(self, folder):
        text = (ROOT / "scripts/dist.sh").read_text()
        function = re.search(r"^installed_size\(\) \{\n.*?^\}\n", text, re.DOTALL | re.MULTILINE)[0]
        self.assertIn('/$(installed_size "$root")/', text)
        done = run("bash", "-euo", "pipefail", "-c", function + 'installed_size "$1"', "-", folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        return int(done.stdout)

    def test_it_is_that_of_the_files_and_not_of_the_file_system(self):
        for name, size in (("usr/bin/large", 10_000), ("usr/share/small", 1), ("usr/share/exact", 1024), ("usr/none", 0)):
            self.write(name, "x" * size)
        self.write("DEBIAN/control", "x" * 5000)
        # 10 + 1 + 1 + 0 of the files, 1 for each of usr, usr/bin, usr/share.
        self.assertEqual(self.size(self.folder), 15)
        # A folder that had many entries stays large on many file systems.
        for number in range(3000):
            self.write(f"usr/share/{number:0200d}", "")
        for number in range(3000):
            (self.folder / f"usr/share/{number:0200d}").unlink()
        self.assertEqual(self.size(self.folder), 15)


class Place(Scratch):
    def settled(self, *before):
        """What a stand-in for dist.sh sees after 'settle'."""
        text = (ROOT / "scripts/dist.sh").read_text()
        parts = [re.search(rf"^{start}.*?^{end}\n", text, re.DOTALL | re.MULTILINE)[0] for start, end in (
            ("readonly place=", "readonly shown=[^\n]*"), ("settle\\(\\) \\{", "\\}"))]
        self.assertIn('\nsettle "$@"\nbuild\n', text)
        self.write("scripts/dist.sh", '#!/bin/sh\npwd; cat /proc/self/personality; echo "$BACKUPCTL_DIST_SHOWN $1"; touch made\n', 0o755)
        return run(*before, "bash", "-euc", "".join(parts) + 'settle "$@"\necho "went on in $PWD"', "-", "deb", folder=self.folder)

    def test_the_build_sees_one_place_and_addresses_that_are_not_random(self):
        done = self.settled()
        self.assertEqual(done.returncode, 0, done.stderr)
        if "namespaces are not allowed" in done.stderr:
            self.assertEqual(done.stdout, f"went on in {self.folder}\n")
            self.skipTest("namespaces are not allowed here")
        self.assertEqual(done.stdout, f"/usr/src/backupctl\n00040000\n{self.folder} deb\n")
        self.assertTrue((self.folder / "made").exists(), "it is this folder")
        self.assertFalse(Path("/usr/src/backupctl/made").exists(), "nobody else sees it")

    @unittest.skipUnless(os.geteuid() == 0 and shutil.which("setpriv"), "needs root and 'setpriv', to have less rights")
    def test_without_namespaces_it_goes_on_where_it_is_and_says_so(self):
        done = self.settled("setpriv", "--bounding-set", "-sys_admin", "--inh-caps", "-sys_admin")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("namespaces are not allowed here", done.stderr)
        self.assertEqual(done.stdout, f"went on in {self.folder}\n")


class Comparison(Scratch):
    """dist-check.sh on a small repository, whose dist.sh makes what the test says."""

    GOOD = (
        'mkdir -p .build/dist/licences; for name in backupctl SHA256SUMS one.tar.gz one.deb licences/LICENSE; '
        'do echo "$name" >".build/dist/$name"; done')

    def check(self, makes, **variables):
        source = self.folder / "source"
        for name in ("scripts/dist-check.sh", "scripts/dist.sh"):
            (source / "scripts").mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, source / name)
        self.write("source/scripts/dist.sh", "set -eu\n" + makes + "\n")
        (source / "scripts/dist.sh").chmod(0o755)
        self.write("source/.gitignore", ".build/\nPackage.resolved\n")
        for words in (["init", "-q"], ["config", "user.name", "a"], ["config", "user.email", "a@b.c"], ["add", "-A"],
                      ["commit", "-qm", "one"]):
            self.assertEqual(run("git", *words, folder=source).returncode, 0)
        self.places = self.folder / "places"
        return run(source / "scripts/dist-check.sh", BACKUPCTL_CHECK_FOLDER=str(self.places), **variables)

    def test_the_same_is_said_to_be_the_same_and_nothing_is_left(self):
        done = self.check(self.GOOD)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("5 files are the same in both builds", done.stdout)
        self.assertEqual(list(self.places.iterdir()), [])

    def test_each_difference_is_found(self):
        for name, makes in {
            "the folder": 'pwd >>.build/dist/backupctl', "its parents": 'pwd | tr -cd / >>.build/dist/one.deb',
            "the umask": 'umask >>.build/dist/one.tar.gz', "the zone": 'date +%Z >>.build/dist/SHA256SUMS',
            "the time": 'date +%s%N >>.build/dist/licences/LICENSE', "a file more": 'touch ".build/dist/$(basename "$PWD")"',
        }.items():
            with self.subTest(name):
                shutil.rmtree(self.folder / "source", ignore_errors=True)
                done = self.check(self.GOOD + "\n" + makes)
                self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
                self.assertIn("NOT reproducible", done.stderr)
                self.assertNotIn("are the same", done.stdout)

    def test_a_build_that_fails_or_leaves_nothing_is_no_success(self):
        for makes, said in (("exit 3", "the build failed"), ("mkdir -p .build/dist", "left no 'backupctl'"),
                            (self.GOOD + "; rm .build/dist/one.deb", "left no '.*\\.deb'")):
            with self.subTest(makes):
                shutil.rmtree(self.folder / "source", ignore_errors=True)
                done = self.check(makes)
                self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
                self.assertIn(said, done.stderr)

    def test_a_commit_that_is_made_meanwhile_is_in_neither(self):
        makes = self.GOOD + '\ngit -C ../../source commit -q --allow-empty -m two && git rev-parse HEAD >.build/dist/commit'
        done = self.check(makes.replace("../../source", str(self.folder / "source")))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_the_second_build_has_the_versions_of_the_first(self):
        makes = self.GOOD + '\n[ -e Package.resolved ] || date +%N >Package.resolved\ncp Package.resolved .build/dist/versions'
        done = self.check(makes)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
