"""Two rsyslogs with the shipped configurations, one that follows the log of a daemon and one that collects: each object
arrives as it was written. Run by `run`."""
import json
import os
import pathlib
import shutil
import socket
import ssl
import subprocess
import tempfile

from checks import check, finish
from machines import EXAMPLES, HOSTILE, LONG, RSYSLOG, Machines
from stack import LIMIT, raise_loopback, until


def accepts(*examples):
    """What rsyslog says of Debian's own configuration with these in its rsyslog.d."""
    with tempfile.TemporaryDirectory() as directory:
        for example in examples:
            shutil.copy(EXAMPLES / example, directory)
        config = pathlib.Path(directory, "main")
        debian = (RSYSLOG / "etc/rsyslog.conf").read_text()
        assert "/etc/rsyslog.d/" in debian
        config.write_text(debian.replace("/etc/rsyslog.d/", f"{directory}/").replace("/var/spool/rsyslog", directory))
        said = subprocess.run(
            [RSYSLOG / "usr/sbin/rsyslogd", "-N1", "-f", config],
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        lines = [line for line in said.stdout.splitlines() if "version" not in line and "End of config" not in line]
        return said.returncode == 0 and not lines, lines


def has_arrived(machines, name):
    """Whether the collector knows that a process of this name was ended."""
    ended = [b'"event":"ended"', b'"name":"%s' % name]
    return any(all(each in line for each in ended) for line in machines.collected().splitlines())


def is_turned_away(wrap):
    """Whether the collector ends the connection of one who wants to write there."""
    with socket.create_connection(("127.0.0.1", 10514), timeout=LIMIT) as plain:
        message = b"<30>1 - anybody memory-monitor - - - {}"
        try:
            with wrap(plain) as connection:
                connection.sendall(b"%d %s" % (len(message), message))
                return not connection.recv(1)
        except TimeoutError:
            return False
        except OSError:
            return True


check("rsyslog takes what sends", *accepts("rsyslog-send.conf"))
check("rsyslog takes what receives", *accepts("rsyslog-receive.conf"))

raise_loopback()
with tempfile.TemporaryDirectory() as directory:
    machines = Machines(directory)
    try:
        machines.daemon()
        machines.rsyslog("rsyslog-send.conf")
        # Nobody listens yet.
        machines.end_a_hog("chrome")
        machines.rsyslog("rsyslog-receive.conf")
        machines.end_a_hog("java", HOSTILE)
        machines.end_a_hog(LONG, LONG * 9)

        for name in b"chrome", b"java", rb"\u0001":
            until(f"the end of {name} has arrived", lambda: has_arrived(machines, name))
        machines.log.rename(directory + "/memory_monitor.log.1")
        machines.end_a_hog("later")
        until("the end of a process has arrived after the log was rotated", lambda: has_arrived(machines, b"later"))
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
        check("the machine has a directory", hosts == [os.uname().nodename.split(".")[0]], hosts)
    finally:
        machines.stop()

with tempfile.TemporaryDirectory() as directory:
    machines = Machines(directory)
    try:
        machines.certify()
        machines.daemon()
        machines.rsyslog("rsyslog-receive.conf", tls=True)
        machines.rsyslog("rsyslog-send.conf", tls=True)
        machines.end_a_hog("chrome")
        until("the end of chrome has arrived by TLS", lambda: has_arrived(machines, b"chrome"))
        without = ssl.create_default_context(cafile=machines.directory / "authority.pem")
        check("who speaks no TLS is turned away", is_turned_away(lambda connection: connection))
        by_tls = lambda connection: without.wrap_socket(connection, server_hostname="collector.example.com")
        check("who has no certificate is turned away", is_turned_away(by_tls))
        machines.end_a_hog("java")
        until("the end of java has arrived by TLS", lambda: has_arrived(machines, b"java"))
        hosts = [path.name for path in machines.fleet.iterdir()]
        check("and writes nothing", len(hosts) == 1 and "anybody" not in hosts, hosts)
        collected, written = machines.collected().splitlines(), machines.written().splitlines()
        check("each object arrives as it was written by TLS, too", set(collected) <= set(written))
    finally:
        machines.stop()

finish()
