"""A machine with a daemon and a collector, for the scripts beside it."""
import os
import pathlib
import re
import shutil
import signal
import subprocess

from stack import until

EXAMPLES = pathlib.Path("etc/examples")
RSYSLOG = pathlib.Path(os.environ["RSYSLOG"])
CONFIG = """
[thresholds]
ram_percent_threshold = 100.0
ram_gb_threshold = 0.25
check_interval = 0.2
[whitelist]
names = ["python3*", "rsyslogd", "systemd-journal*"]
users = []
[settings]
log_file = "{log}"
log_format = "json"
enable_syslog = false
term_timeout = 60
"""
# An authority, and who is certified by it.
CERTIFICATES = """
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout authority.key -out authority.pem
for name in collector machine; do
    openssl req -newkey rsa:2048 -nodes -subj "/CN=$name.example.com" -keyout $name.key -out $name.csr \\
        -addext subjectAltName=DNS:$name.example.com,IP:127.0.0.1
    openssl x509 -req -in $name.csr -CA authority.pem -CAkey authority.key -CAcreateserial -days 2 \\
        -copy_extensions copy -out $name.pem
done
"""
# What mangles a message: quotes, escapes, other alphabets, no alphabet, what looks like the head of a message.
HOSTILE = b'"\\\n\t\x01\xff <34>1 - %msg% #011 ' + "日本語 €".encode()
# As long as a name can be.
LONG = b"\x01" * 255


class Machines:
    """A machine with a daemon and a collector, in one directory."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.log = self.directory / "memory_monitor.log"
        self.fleet = self.directory / "fleet"
        self.started = []

    def start(self, *command, **options):
        process = subprocess.Popen(command, **options)
        self.started.append(process)
        return process

    def stop(self):
        for process in self.started:
            process.kill()
            process.wait()

    def certify(self):
        subprocess.run(["sh", "-euc", CERTIFICATES], cwd=self.directory, check=True, stderr=subprocess.DEVNULL)

    def rsyslog(self, name, text="", tls=False):
        """An rsyslog with this configuration, or the example of that name, in this directory instead of the machine's."""
        text = text or (EXAMPLES / name).read_text()
        for there, here in (
            ("/var/log/memory_monitor.log", self.log),
            ("/var/log/fleet", self.fleet),
            ("/etc/ssl/fleet", self.directory),
            ('target="collector.example.com"', 'target="127.0.0.1"'),
            ('resumeInterval="10"', 'resumeInterval="1"'),
        ):
            text = text.replace(there, str(here))
        if tls:
            text = re.sub(r"(?m)^( *)#(?=global|streamDriver|  +default)", r"\1", text)
        spool = self.directory / f"{name}.spool"
        spool.mkdir()
        config = self.directory / name
        config.write_text(f'global(workDirectory="{spool}")\n{text}')
        output = open(self.directory / f"{name}.output", "wb")
        program = RSYSLOG / "usr/sbin/rsyslogd"
        return self.start(program, "-n", "-f", config, "-i", spool / "pid", stdout=output, stderr=output)

    def daemon(self, stderr=subprocess.DEVNULL):
        config = self.directory / "config.toml"
        config.write_text(CONFIG.format(log=self.log))
        environment = dict(os.environ, STATE_DIRECTORY=str(self.directory), RUNTIME_DIRECTORY=str(self.directory))
        # What systemd says of a standard error that is the journal's.
        place = os.fstat(stderr.fileno()) if hasattr(stderr, "fileno") else None
        environment["JOURNAL_STREAM"] = f"{place.st_dev}:{place.st_ino}" if place else ""
        self.start(os.environ["MEMORY_MONITOR"], "--config", config, env=environment, stderr=stderr)
        until("the daemon writes", lambda: self.log.exists() and self.log.stat().st_size)

    def end_a_hog(self, name, argument=b"more"):
        """A process that gets too large and is ended, with this as its last argument."""
        program = self.directory / os.fsdecode(name)
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
        return b"".join(path.read_bytes() for path in sorted(self.directory.glob("memory_monitor.log*"), reverse=True))

    def collected(self):
        return b"".join(path.read_bytes() for path in self.fleet.glob("*/memory-monitor.jsonl"))
