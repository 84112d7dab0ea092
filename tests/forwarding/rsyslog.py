"""Two rsyslogs with the shipped configurations, one that follows the log of a daemon and one that collects: each object
arrives as it was written. Run by `run`."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

from stack import raise_loopback, until

RSYSLOG = pathlib.Path(os.environ["RSYSLOG"])
EXAMPLES = pathlib.Path("etc/examples")
CONFIG = """
[thresholds]
ram_percent_threshold = 100.0
ram_gb_threshold = 0.25
check_interval = 0.2
[whitelist]
names = ["python3*", "rsyslogd"]
users = []
[settings]
log_file = "{log}"
log_format = "json"
enable_syslog = false
term_timeout = 0.5
"""
# What mangles a message: quotes, escapes, other alphabets, no alphabet, what looks like the head of a message.
HOSTILE = b'"\\\n\t\x01\xff <34>1 - %msg% #011 ' + "日本語 €".encode()
# As long as a name can be.
LONG = b"\x01" * 255
passed = failed = 0


def check(what, holds, why=""):
    global passed, failed
    passed, failed = passed + bool(holds), failed + (not holds)
    if not holds:
        print("FAILED:", what, why)


class Machines:
    """A machine with a daemon and a collector, in one folder."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.log = self.folder / "memory_monitor.log"
        self.fleet = self.folder / "fleet"
        self.started = []

    def start(self, *command, **options):
        process = subprocess.Popen(command, **options)
        self.started.append(process)
        return process

    def stop(self):
        for process in self.started:
            process.kill()
            process.wait()

    def rsyslog(self, example):
        """An rsyslog with this example of ours, in this folder instead of the machine's."""
        text = (EXAMPLES / example).read_text()
        for there, here in (
            ("/var/log/memory_monitor.log", self.log),
            ("/var/log/fleet", self.fleet),
            ("collector.example.com", "127.0.0.1"),
            ('resumeInterval="10"', 'resumeInterval="1"'),
        ):
            text = text.replace(there, str(here))
        spool = self.folder / f"{example}.spool"
        spool.mkdir()
        config = self.folder / example
        config.write_text(f'global(workDirectory="{spool}")\n{text}')
        output = open(self.folder / f"{example}.output", "wb")
        program = RSYSLOG / "usr/sbin/rsyslogd"
        return self.start(program, "-n", "-f", config, "-i", spool / "pid", stdout=output, stderr=output)

    def daemon(self):
        config = self.folder / "config.toml"
        config.write_text(CONFIG.format(log=self.log))
        environment = dict(os.environ, STATE_DIRECTORY=str(self.folder), RUNTIME_DIRECTORY=str(self.folder))
        self.start(os.environ["MEMORY_MONITOR"], "--quiet", "--config", config, env=environment)
        until("the daemon writes", lambda: self.log.exists() and self.log.stat().st_size)

    def end_a_hog(self, name, argument=b"more"):
        """A process that gets too large and is ended, with this as its last argument."""
        program = self.folder / os.fsdecode(name)
        shutil.copy(shutil.which("tail"), program)
        hog = self.start(program, "-c", "300M", "-", argument, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
        try:
            for _ in range(300):
                hog.stdin.write(bytes(1 << 20))
        except BrokenPipeError:
            pass
        assert hog.wait() == -signal.SIGTERM

    def written(self):
        """The daemon's lines, of the old file and the new one."""
        return b"".join(path.read_bytes() for path in sorted(self.folder.glob("memory_monitor.log*"), reverse=True))

    def collected(self):
        return b"".join(path.read_bytes() for path in self.fleet.glob("*/memory-monitor.jsonl"))


def accepts(*examples):
    """What rsyslog says of Debian's own configuration with these in its rsyslog.d."""
    with tempfile.TemporaryDirectory() as folder:
        for example in examples:
            shutil.copy(EXAMPLES / example, folder)
        config = pathlib.Path(folder, "main")
        debian = (RSYSLOG / "etc/rsyslog.conf").read_text()
        assert "/etc/rsyslog.d/" in debian
        config.write_text(debian.replace("/etc/rsyslog.d/", f"{folder}/").replace("/var/spool/rsyslog", folder))
        said = subprocess.run(
            [RSYSLOG / "usr/sbin/rsyslogd", "-N1", "-f", config],
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        lines = [line for line in said.stdout.splitlines() if "version" not in line and "End of config" not in line]
        return said.returncode == 0 and not lines, lines


check("rsyslog takes what sends", *accepts("rsyslog-send.conf"))
check("rsyslog takes what receives", *accepts("rsyslog-receive.conf"))

raise_loopback()
with tempfile.TemporaryDirectory() as folder:
    machines = Machines(folder)
    try:
        machines.daemon()
        machines.rsyslog("rsyslog-send.conf")
        # Nobody listens yet.
        machines.end_a_hog("chrome")
        machines.rsyslog("rsyslog-receive.conf")
        machines.end_a_hog("java", HOSTILE)
        machines.end_a_hog(LONG, LONG * 9)

        def has_arrived(name):
            ended = [b'"event":"ended"', b'"name":"%s' % name]
            return any(all(each in line for each in ended) for line in machines.collected().splitlines())

        for name in b"chrome", b"java", rb"\u0001":
            until(f"the end of {name} has arrived", lambda: has_arrived(name))
        machines.log.rename(folder + "/memory_monitor.log.1")
        machines.end_a_hog("later")
        until("the end of a process has arrived after the log was rotated", lambda: has_arrived(b"later"))
        check("it arrives when the collector was away, and after the log was rotated", True)
        # Checks come and go meanwhile: those that are there by now.
        written = machines.written().splitlines()
        until("the rest has arrived", lambda: set(written) <= set(machines.collected().splitlines()))
        collected = machines.collected().splitlines()
        check("each object arrives as it was written", set(collected) <= set(machines.written().splitlines()))
        twice = len(collected) - len(set(collected))
        # The one that was on its way when the collector was not there.
        check("all but one arrive once", twice <= 1, twice)
        objects = [json.loads(line) for line in collected]
        longest = max(map(len, collected))
        check("the longest names are whole", longest > 3 * 6 * len(LONG), longest)
        check("they are records", {"killing", "ended"} <= {each["event"] for each in objects})
        hosts = [path.name for path in machines.fleet.iterdir()]
        check("the machine has a folder", hosts == [os.uname().nodename.split(".")[0]], hosts)
    finally:
        machines.stop()

print(f"{passed} passed, {failed} failed")
sys.exit(failed > 0)
