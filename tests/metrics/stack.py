"""A daemon, node_exporter and Prometheus that watch each other, for the scripts beside it; stack.sh runs them where
no other process is seen.

    with Stack() as stack:
        stack.hog("chrome", 300)
        stack.until('memory_monitor_ended_by_name_total{name="chrome"}', 1)
"""
import fcntl
import json
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
import urllib.parse
import urllib.request

PROMETHEUS, EXPORTER = 9090, 9100
# Nothing takes so long; only a failure waits for it.
LIMIT = 300
# Whatever the environment says: all of it is on this machine.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))

CONFIG = """
[thresholds]
ram_percent_threshold = 100.0
ram_gb_threshold = 0.25
check_interval = 0.2
[whitelist]
names = ["prometheus*", "python3*"]
users = []
[settings]
metrics_file = "{metrics}"
log_file = "{log}"
enable_syslog = false
# A process that ends by SIGTERM may take a while on a loaded machine.
term_timeout = 5
max_kills_per_minute = 0
"""


def get(port, path, **query):
    url = f"http://127.0.0.1:{port}{path}?{urllib.parse.urlencode(query, doseq=True)}"
    with OPENER.open(url, timeout=LIMIT) as answer:
        return answer.read().decode()


def until(what, happens):
    """Waits until `happens()` is true, and returns what it is."""
    end = time.monotonic() + LIMIT
    while not (result := happens()):
        assert time.monotonic() < end, f"waited in vain until {what}"
        time.sleep(0.05)
    return result


class Stack:
    """`config` is added to the configuration above, `rules` are files with rules for Prometheus."""

    def __init__(self, config="", rules=(), scrape="200ms"):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="memory-monitor-metrics-"))
        self.textfiles = self.directory / "textfiles"
        self.textfiles.mkdir()
        self.metrics = self.textfiles / "memory-monitor.prom"
        self.log = self.directory / "log"
        self.config = self.directory / "config.toml"
        self.started = []
        self.daemon = None
        self.configure(config)
        listed = json.dumps([str(pathlib.Path(rule).resolve()) for rule in rules])
        (self.directory / "prometheus.yml").write_text(
            f"global: {{scrape_interval: {scrape}, scrape_timeout: {scrape}, evaluation_interval: {scrape}}}\n"
            f"rule_files: {listed}\n"
            "scrape_configs:\n"
            f"  - {{job_name: node, static_configs: [{{targets: ['127.0.0.1:{EXPORTER}']}}]}}\n"
        )

    def __enter__(self):
        try:
            raise_loopback()
            self.start_daemon()
            self.start(
                "prometheus-node-exporter",
                f"--web.listen-address=127.0.0.1:{EXPORTER}",
                f"--collector.textfile.directory={self.textfiles}",
                "--collector.disable-defaults",
                "--collector.textfile",
            )
            self.start(
                "prometheus",
                f"--config.file={self.directory}/prometheus.yml",
                f"--storage.tsdb.path={self.directory}/data",
                f"--web.listen-address=127.0.0.1:{PROMETHEUS}",
            )
            until("Prometheus answers", lambda: is_ready(PROMETHEUS, "/-/ready"))
            self.until("up", 1)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for process in self.started:
            process.kill()
            process.wait()
        shutil.rmtree(self.directory)

    def start(self, *command, **options):
        output = open(self.directory / f"{pathlib.Path(command[0]).name}.output", "ab")
        process = subprocess.Popen(
            command, stdin=options.pop("stdin", subprocess.DEVNULL), stdout=output, stderr=output, **options
        )
        self.started.append(process)
        return process

    def configure(self, config=""):
        """Another configuration, in force once it is read."""
        self.config.write_text(CONFIG.format(metrics=self.metrics, log=self.log) + config)

    def start_daemon(self):
        """The daemon, until it has made its first check."""
        self.metrics.unlink(missing_ok=True)
        environment = dict(os.environ, STATE_DIRECTORY=str(self.directory), RUNTIME_DIRECTORY=str(self.directory))
        self.daemon = self.start(
            os.environ["MEMORY_MONITOR"], "--quiet", "--config", str(self.config), env=environment
        )
        until("the daemon has left its metrics", self.metrics.exists)

    def reload(self):
        self.daemon.send_signal(signal.SIGHUP)

    def stop_daemon(self):
        self.daemon.terminate()
        assert self.daemon.wait(LIMIT) == 0

    def hog(self, name, mib, ignores_sigterm=False):
        """A process with this name and so much memory, which it keeps until it is ended."""
        # tail keeps so much of a pipe in memory.
        program = self.directory / name
        if not program.exists():
            shutil.copy(shutil.which("tail"), program)
        ignore = (lambda: signal.signal(signal.SIGTERM, signal.SIG_IGN)) if ignores_sigterm else None
        hog = self.start(str(program), "-c", f"{mib}M", stdin=subprocess.PIPE, preexec_fn=ignore)
        try:
            for _ in range(mib):
                hog.stdin.write(bytes(1 << 20))
        except BrokenPipeError:
            pass  # it was ended already
        return hog

    def query(self, expression, at=None):
        """What Prometheus answers: a list of labels and values."""
        extra = {} if at is None else {"time": at}
        answer = json.loads(get(PROMETHEUS, "/api/v1/query", query=expression, **extra))
        assert answer["status"] == "success", answer
        return [(series["metric"], float(series["value"][1])) for series in answer["data"]["result"]]

    def value(self, expression):
        """The value of the one series that the expression has; None where there is none."""
        series = self.query(expression)
        assert len(series) < 2, series
        return series[0][1] if series else None

    def until(self, expression, wanted):
        """Waits until the expression has this one value."""
        until(f"{expression} is {wanted}", lambda: self.value(expression) == wanted)


def is_ready(port, path):
    try:
        get(port, path)
        return True
    except OSError:
        return False


def raise_loopback():
    """In a new network namespace it is down."""
    with socket.socket() as anything:
        up = struct.pack("16sh14x", b"lo", 0x1)
        fcntl.ioctl(anything, 0x8914, up)  # SIOCSIFFLAGS, IFF_UP
