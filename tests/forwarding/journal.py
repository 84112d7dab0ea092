"""A real journal of its own, with the shipped configurations: its records reach syslog as text, and by
systemd-journal-upload a collector with all their fields. Run by `run`, where /run may be covered."""
import json
import os
import pathlib
import socket
import subprocess
import tempfile

from checks import check, finish
from machines import EXAMPLES, HOSTILE, Machines
from stack import raise_loopback, until

REMOTE = pathlib.Path(os.environ["JOURNAL_REMOTE"])
JOURNALD = "/lib/systemd/systemd-journald"
SOCKETS = pathlib.Path("/run/systemd/journal")
# Debian's rsyslog has this socket from systemd.
FROM_JOURNAL = """
module(load="imuxsock" sysSock.use="off")
input(type="imuxsock" socket="/run/systemd/journal/syslog")
action(type="omfile" file="{file}")
"""


def stream():
    """A standard error in the journal, as systemd gives it to a service."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.connect(str(SOCKETS / "stdout"))
    # Identifier, unit, priority, whether a line may begin with its priority, and three ways to forward.
    connection.sendall(b"memory-monitor\n\n6\n1\n0\n0\n0\n")
    return connection


def records(*arguments):
    """What journalctl shows of the daemon's records: the fields that it sent itself."""
    journalctl = ["journalctl", "--no-pager", "-o", "json", *arguments]
    said = subprocess.run(journalctl, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    lines = [json.loads(line) for line in said.stdout.splitlines()]
    ours = ("MESSAGE", "PRIORITY", "SYSLOG_", "MEMORY_MONITOR_")
    return [{key: value for key, value in line.items() if key.startswith(ours)} for line in lines]


def install(example, directory, **replaced):
    """Puts an example where its program looks for it, with other values."""
    text = (EXAMPLES / example).read_text()
    for key, value in replaced.items():
        assert f"\n{key}=" in text, key
        text = "\n".join(f"{key}={value}" if line.startswith(f"{key}=") else line for line in text.splitlines())
    place = pathlib.Path(directory)
    place.mkdir(parents=True, exist_ok=True)
    (place / example).write_text(text + "\n")


def listens(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except OSError:
        return False


raise_loopback()
covered = ["/run"] + (["/var/log/journal"] if os.path.exists("/var/log/journal") else [])
for place in covered:
    subprocess.run(["mount", "-t", "tmpfs", "none", place], check=True)
with tempfile.TemporaryDirectory() as directory:
    machines = Machines(directory)
    output = lambda name: machines.directory / f"{name}.output"
    try:
        machines.certify()
        text = machines.directory / "text"
        SOCKETS.mkdir(parents=True)
        machines.rsyslog("from-journal", FROM_JOURNAL.format(file=text))
        until("rsyslog listens", (SOCKETS / "syslog").exists)
        # Some distributions forward without being asked.
        drop_ins = pathlib.Path("/run/systemd/journald.conf.d")
        drop_ins.mkdir()
        (drop_ins / "0.conf").write_text("[Journal]\nForwardToSyslog=no\nMaxLevelSyslog=alert\nReadKMsg=no\n")
        install("journald-forward.conf", drop_ins)
        # Not into the log of the machine's kernel.
        to_console = dict(os.environ, SYSTEMD_LOG_TARGET="console")
        machines.start(JOURNALD, env=to_console, stderr=open(output("journald"), "wb"))
        until("journald listens", (SOCKETS / "stdout").exists)
        machines.daemon(stderr=stream())
        machines.end_a_hog("chrome")
        machines.end_a_hog("java", HOSTILE)
        ended = "MEMORY_MONITOR_EVENT=ended"
        until("the journal has both ends", lambda: len(records(ended)) == 2)
        local = records(ended)
        for record in local:
            line = f"]: {record['MESSAGE']}\n"
            until(f"syslog has {line}", lambda: text.exists() and line in text.read_text())
        check("journald forwards to syslog", True)
        said = output("journald").read_text()
        check("journald knows every key", "journald-forward" not in said, said)

        certificates = {
            "ServerKeyFile": f"{directory}/machine.key",
            "ServerCertificateFile": f"{directory}/machine.pem",
            "TrustedCertificateFile": f"{directory}/authority.pem",
        }
        drop_ins = "/run/systemd/journal-upload.conf.d"
        install("journal-upload.conf", drop_ins, URL="https://127.0.0.1:19532", **certificates)
        remote = machines.directory / "remote"
        remote.mkdir()
        machines.start(
            REMOTE / "systemd-journal-remote",
            "--listen-https=127.0.0.1:19532",
            f"--key={directory}/collector.key",
            f"--cert={directory}/collector.pem",
            f"--output={remote}",
            stderr=open(output("remote"), "wb"),
        )
        until("the collector listens", lambda: listens(19532))
        upload = REMOTE / "systemd-journal-upload"
        machines.start(upload, f"--save-state={directory}/state", stderr=open(output("upload"), "wb"))
        there = ["-D", str(remote)]
        until("the collector has both ends", lambda: len(records(*there, ended)) == 2)
        check("each field arrives", records(*there, ended) == local, records(*there, ended))
        check("they are the fields", all("MEMORY_MONITOR_FREED_BYTES" in record for record in local), local)
        said = output("upload").read_text()
        check("systemd-journal-upload has nothing to say", "Unknown" not in said and "nvalid" not in said, said)
    finally:
        machines.stop()

finish()
