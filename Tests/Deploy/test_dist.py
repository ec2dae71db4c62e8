"""What is given to others: its licences, and the size that the package says."""

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
        ours = ("backupctl/LICENSE", "swift/LICENSE.txt", "libyaml/LICENSE")
        self.assertEqual(made.pop(ours[0]), (ROOT / "LICENSE").read_text())
        self.assertIn("Apache License", made.pop(ours[1]))
        self.assertIn("Kirill Simonov", made.pop(ours[2]))
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


if __name__ == "__main__":
    unittest.main()
