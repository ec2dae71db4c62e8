"""Runs the tests in this folder, says what failed and what was skipped for which reason, and counts.

A test that skips a part of itself counts as skipped; when the set-up of a class fails, all tests of the class failed.
"""

import sys
import time
import unittest
from pathlib import Path

FOLDER = Path(__file__).resolve().parent


def tests(suite):
    for one in suite:
        if isinstance(one, unittest.TestSuite):
            yield from tests(one)
        else:
            yield one


class Result(unittest.TestResult):
    def __init__(self, names):
        super().__init__()
        self.names = names
        self.bad = {}
        self.gone = {}

    def named(self, test):
        """The tests that an outcome is about: a part's is its test's, that of 'setUpClass (module.Class)' the class's."""
        name = getattr(test, "test_case", test).id()
        if name in self.names:
            return [name]
        scope = name.partition("(")[2].rstrip(")")
        return [one for one in self.names if scope and one.startswith(scope + ".")] or [name]

    def note(self, outcomes, test, text):
        for name in self.named(test):
            outcomes.setdefault(name, text)

    def startTest(self, test):
        super().startTest(test)
        self.started = time.monotonic()

    def stopTest(self, test):
        super().stopTest(test)
        took = time.monotonic() - self.started
        word = "failed" if test.id() in self.bad else "skipped" if test.id() in self.gone else "passed"
        print(f"{test.id()} {word} after {took:.1f} s", flush=True)

    def addFailure(self, test, error):
        self.note(self.bad, test, self._exc_info_to_string(error, test))

    addError = addFailure

    def addSubTest(self, test, part, error):
        if error is not None:
            self.note(self.bad, test, f"{part}\n{self._exc_info_to_string(error, test)}")

    def addSkip(self, test, reason):
        self.note(self.gone, test, reason)


def main(wanted):
    sys.path.insert(0, str(FOLDER))
    loader = unittest.TestLoader()
    files = wanted or sorted(path.name for path in FOLDER.glob("test_*.py"))
    suite = unittest.TestSuite(loader.loadTestsFromName(Path(name).stem) for name in files)
    names = [one.id() for one in tests(suite)]
    result = Result(names)
    result.buffer = True
    suite.run(result)
    for name, text in result.bad.items():
        print(f"\nFAILED {name}\n{text[-4000:]}")
    gone = {name: reason for name, reason in result.gone.items() if name not in result.bad}
    for reason in sorted(set(gone.values())):
        of = [name for name in gone if gone[name] == reason]
        print(f"  {reason} ({len(of)}): {', '.join(of)}")
    passed = len(set(names) - set(result.bad) - set(gone))
    print(f"deploy: {passed} passed, {len(result.bad)} failed, {len(gone)} skipped")
    return 0 if passed and not result.bad else 1


sys.exit(main(sys.argv[1:]))
