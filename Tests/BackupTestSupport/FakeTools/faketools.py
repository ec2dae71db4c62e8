"""Stand-ins for mongodump and mongorestore: they do the real thing against a real server, and misbehave on demand.

What they imitate is tools 100.18.0, with --archive. What they do not imitate they refuse with exit status 70, so that
no test passes because of it. A test makes an executable for each in a scratch folder:

    #!/path/to/python -I
    import sys
    sys.dont_write_bytecode = True
    sys.path.insert(0, "this folder")
    import faketools
    sys.exit(faketools.main(sys.argv, "mongodump"))

A file `fake.json` beside it tells how to behave (the environment is not asked: who starts the tools may pass none):

    {"mode": "right", "record": "/path/starts.jsonl", "options": {}, "mongorestore": {"mode": "hang-midway"}}

Keys under a tool's name win over the others for that tool. Without the file the mode is `right`. `record` gets lines of
JSON: {"event": "start", "tool", "argv", "environ", "cwd", "pid", "ppid", "pgid", "sid", "stdin"} for every start, and
{"event": "signal", "pid", "number"}, {"event": "grandchild", "pid"}, {"event": "end", "pid", "status"}.

Modes of both tools (in brackets the options, with their defaults):
    right                    as the real one
    hang-before-first-byte   connects, then hangs [seconds 600: how long at most; signals 2: how many of them end it]
    hang-midway              hangs after half of the archive, or after the first batch of documents [seconds, signals]
    ignore-term              as hang-midway, and takes no notice of SIGTERM and SIGINT [seconds]
    fork                     as hang-midway, with a child in a session of its own that holds stdout and stderr open
                             [child-seconds 120]
    fork-and-leave           leaves such a child behind and does everything right
    fails-after-whole        all done, then exit 1 [text]
    die-by-signal            SIGKILL where hang-midway hangs [number 9]
    flood                    writes to stderr as fast as it can, then right [bytes 1 GB]
    flood-one-line           the same without a newline
    bad-version              --version says something odd [text]; a run is right
    hang-version             --version hangs [seconds, signals]; a run is right
Of mongodump:
    truncated                half of the archive, exit 0 [bytes: how many, negative from the end]
    empty                    exit 0 without a byte
    drip                     one byte at a time [delay 0.05 seconds; bytes: so many that way, then the rest at once]
    wrong-counts             reports a document more of the first collection than it wrote [by 1]
    interrupted-like         ends half-way through the first collection as after SIGTERM: right CRC, exit 1
                             [documents: how many; status 1]
Of mongorestore:
    swallows                 reads and reports everything, writes nothing
    loses                    drops a document in `every` (10), exit 0; counted as failed unless `silently`
    closes-stdin             reads the prelude, closes stdin, ends [status 1]
Options that any mode has: version "100.18.0" (what the tool says it is), progress 3 (seconds between lines of
progress), buffer 16777216 (bytes of a namespace that are gathered before they are written).
"""

import json
import os
import signal
import stat
import sys
import time

from fakeoptions import OptionError, parse, show_help

UNLIKE = 70
BOTH = {
    "right", "hang-before-first-byte", "hang-midway", "ignore-term", "fork", "fork-and-leave", "fails-after-whole",
    "die-by-signal", "flood", "flood-one-line", "bad-version", "hang-version",
}
MODES = {
    "mongodump": BOTH | {"truncated", "empty", "drip", "wrong-counts", "interrupted-like"},
    "mongorestore": BOTH | {"swallows", "loses", "closes-stdin"},
}


class ToolError(Exception):
    """What the tool says after 'Failed: '."""


class Unlike(Exception):
    """The real tool would do something here that this one does not imitate."""


class Tool:
    """One start of a tool: its mode, its log and the signals it has got."""

    def __init__(self, argv, name):
        self.name, self.started, self.stopping, self.quiet, self.signals = name, False, False, False, 0
        path = os.path.join(os.path.dirname(os.path.abspath(argv[0])), "fake.json")
        config = {}
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                config = json.load(file)
        config.update(config.get(name, {}))
        self.mode = config.get("mode", "right")
        self.options = config.get("options", {})
        self.record_path = config.get("record")
        self.version = self.options.get("version", "100.18.0")
        if self.mode not in MODES[name]:
            raise Unlike(f"{name} has no mode '{self.mode}'")
        self.record(
            "start", tool=name, argv=argv, environ=environment(), cwd=os.getcwd(), ppid=os.getppid(),
            pgid=os.getpgid(0), sid=os.getsid(0), stdin=kind_of_stdin())

    def record(self, event, **values):
        if self.record_path:
            line = json.dumps({"event": event, "pid": os.getpid(), **values}) + "\n"
            file = os.open(self.record_path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            os.write(file, line.encode())
            os.close(file)

    def log(self, text):
        """A line of stderr, as the tools write them."""
        if not self.quiet:
            now = time.time()
            stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(now)) + f".{int(now * 1000) % 1000:03}"
            write_all(2, f"{stamp}{time.strftime('%z')}\t{text}\n".encode("utf-8", "surrogateescape"))

    # Signals

    def listen(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.on_signal)

    def on_signal(self, number, _):
        """The first one asks to stop, the second one ends the tool; while it connects, the first one is lost."""
        self.record("signal", number=number)
        if self.mode == "ignore-term":
            return
        self.signals += 1
        word = {signal.SIGTERM: "terminated", signal.SIGINT: "interrupt"}[number]
        if self.signals == 1:
            self.log(f"signal '{word}' received; attempting to shut down")
            self.stopping = self.started
        else:
            self.log(f"signal '{word}' received; forcefully terminating")
            self.leave(1)

    def leave(self, status):
        self.record("end", status=status)
        os._exit(status)

    # Misbehaviour

    def hang(self):
        end = time.monotonic() + self.options.get("seconds", 600)
        wanted = self.options.get("signals", 2)
        while time.monotonic() < end and (self.mode == "ignore-term" or self.signals < wanted):
            time.sleep(0.02)
        self.leave(1)

    def midway(self):
        """Called once, when part of the work is done."""
        if self.mode in ("hang-midway", "ignore-term", "fork"):
            self.hang()
        if self.mode == "die-by-signal":
            os.kill(os.getpid(), self.options.get("number", signal.SIGKILL))

    def begin_badly(self):
        if self.mode in ("fork", "fork-and-leave"):
            self.leave_a_child()
        if self.mode in ("flood", "flood-one-line"):
            line = b"x" * 127 + (b"\n" if self.mode == "flood" else b"x")
            left, chunk = self.options.get("bytes", 1_000_000_000), line * 512
            while left > 0:
                left -= write_all(2, chunk[:left])

    def leave_a_child(self):
        """A child that keeps stdout and stderr open when the tool has long gone."""
        child = os.fork()
        if child:
            self.record("grandchild", child=child)
            return
        os.setsid()
        os.close(0)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        time.sleep(self.options.get("child-seconds", 120))
        os._exit(0)

    def end_badly(self):
        if self.mode == "fails-after-whole":
            raise ToolError(self.options.get("text", "error on purpose, when everything was done"))

    def connect(self, given):
        """A client, or the words of the tool for why there is none."""
        import fakeclient
        try:
            return fakeclient.connect(given, self)
        except fakeclient.Refused as error:
            raise ToolError(f"can't create session: {error}" if self.name == "mongodump" else str(error)) from None


def environment():
    """What the tool was given: Python adds to what it shows itself."""
    with open("/proc/self/environ", "rb") as file:
        pairs = file.read().decode("utf-8", "surrogateescape").split("\0")
    return {name: value for name, _, value in (pair.partition("=") for pair in pairs if pair)}


def kind_of_stdin():
    try:
        info = os.fstat(0)
    except OSError:
        return "closed"
    if stat.S_ISCHR(info.st_mode):
        return "null" if os.path.samestat(info, os.stat("/dev/null")) else "tty" if os.isatty(0) else "device"
    return "pipe" if stat.S_ISFIFO(info.st_mode) else "file" if stat.S_ISREG(info.st_mode) else "socket"


def write_all(descriptor, data):
    """Everything, or what goes before the other end is closed; how much was to be written."""
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(descriptor, view):]
        except OSError:
            break
    return len(data)


def quoted(text):
    """Go's %#q: in backquotes where that is possible, else with escapes."""
    if all(c == "\t" or c.isprintable() for c in text) and "`" not in text and "\ufeff" not in text:
        return f"`{text}`"
    escapes = {"\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v",
               '"': '\\"', "\\": "\\\\"}
    return '"' + "".join(
        escapes.get(c) or (c if c.isprintable() else f"\\x{ord(c):02x}" if ord(c) < 128 else
                           f"\\u{ord(c):04x}" if ord(c) < 65536 else f"\\U{ord(c):08x}") for c in text) + '"'


def plural(count, one, many=None):
    return f"{count} {one if count == 1 else many or one + 's'}"


def show_version(tool):
    if tool.mode == "bad-version":
        print(tool.options.get("text", f"{tool.name} version: built-without-version-string"))
        return
    if tool.mode == "hang-version":
        tool.listen()
        tool.hang()
    print(f"{tool.name} version: {tool.version}\ngit version: fake\nGo version: go1.27.3")
    print("   os: linux\n   arch: amd64\n   compiler: gc")


def run(tool, given):
    if tool.name == "mongodump":
        import fakedump as module
    else:
        import fakerestore as module
    if "archive" not in given:
        raise Unlike("it works with --archive only")
    tool.listen()
    tool.begin_badly()
    return module.run(tool, given)


def main(argv, name):
    """Runs a tool; its exit status."""
    tool = None
    try:
        tool = Tool(argv, name)
        given = parse(name, argv[1:], tool.log)
        tool.quiet = given.get("quiet", False)
        if given.get("help") or given.get("version"):
            status = show_version(tool) if not given.get("help") else show_help(name)
            sys.stdout.flush()
        else:
            status = run(tool, given)
    except OptionError as error:
        tool.log(f"error parsing command line options: {error}")
        tool.log(f"try '{name} --help' for more information")
        status = 1
    except ToolError as error:
        tool.log(f"Failed: {error}")
        status = 1
    except Unlike as error:
        write_all(2, f"fake {name}: {error}\n".encode())
        status = UNLIKE
    except Exception:
        # A mistake of the stand-in must not look like a failure of the tool.
        import traceback
        traceback.print_exc()
        status = UNLIKE
    if tool:
        tool.record("end", status=status or 0)
    # Not sys.exit: threads of the driver must not delay the end, nor a closed stdout change it.
    os._exit(status or 0)
