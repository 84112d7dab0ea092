"""What Prometheus answers about processes that the daemon has ended, about a rejected configuration, and about a
daemon that has stopped. Run by `run`."""
import re
import subprocess

from checks import check, finish
from stack import Stack, until


def lint(text):
    """What promtool says of metrics; nothing where all is well."""
    said = subprocess.run(
        ["promtool", "check", "metrics"], input=text, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    return said.stdout or (f"status {said.returncode}" if said.returncode else "")


def is_clean(stack, when):
    said = lint(stack.metrics.read_text())
    check(f"promtool is silent {when}", said == "", said)


RULE = '[[rule]]\nname = "ruled"\nram_gb_threshold = 0.1\n'
# The name is a label, a log line and a terminal's line to none of those who read it.
HOSTILE = 'a"} 1\n\\x41'

with Stack(RULE) as stack:
    is_clean(stack, "at the start")
    check("promtool finds what is wrong", lint("# TYPE wrong counter\nwrong 1\n") != "")
    check("promtool finds what is doubled", lint(stack.metrics.read_text() * 2) != "")

    stack.hog("chrome", 300)
    stack.hog("stubborn", 300, ignores_sigterm=True)
    stack.hog("ruled", 150)
    stack.hog(HOSTILE, 300)
    stack.hog("other", 300)
    ended = "memory_monitor_ended_total"
    for labels, count in (
        ('signal="SIGTERM",rule="general",cause="threshold"', 3),
        ('signal="SIGKILL",rule="general",cause="threshold"', 1),
        ('signal="SIGTERM",rule="1"', 1),
        ('signal="SIGKILL",rule="1"', 0),
    ):
        stack.until(f"{ended}{{{labels}}}", count)
        check(labels, True)
    stack.until(f"sum({ended})", 5)
    check("their first steps are seen as an increase", stack.value(f"sum(increase({ended}[1m]))") > 0)
    names = {labels["name"]: count for labels, count in stack.query("memory_monitor_ended_by_name_total")}
    # A label has quotes of its own.
    wanted = {"chrome": 1, "stubborn": 1, "ruled": 1, "other": 1, 'a"} 1\\x0a\\x5cx41': 1}
    check("each has its name", names == wanted, names)
    shown = '"a\\x22} 1\\x0a\\x5cx41"'
    check("the log has the same name", f"Name={shown}, " in stack.log.read_text(), stack.log.read_text())
    freed = stack.value("memory_monitor_freed_bytes_total")
    # What came back is left out where it is not known, and is never more than they had.
    check("what came back is counted", 100 << 20 < freed < 2 << 30, freed)
    is_clean(stack, "after processes were ended")

    text = stack.metrics.read_text()
    families = re.findall(r"# TYPE (\S+) (\S+)", text)
    for family, kind in families:
        found = stack.query(f'{{__name__=~"{family}(_sum|_count)?"}}')
        check(f"Prometheus has the {kind} {family}", found)
    total = stack.value("memory_monitor_memory_total_bytes")
    meminfo = int(re.search(r"MemTotal: *(\d+)", open("/proc/meminfo").read())[1]) << 10
    check("MemTotal is the machine's", total == meminfo, total)
    age = stack.value("time() - memory_monitor_last_scan_timestamp_seconds")
    check("the last scan was just now", 0 <= age < 30, age)
    seconds = stack.value("memory_monitor_scan_seconds_sum / memory_monitor_scan_seconds_count")
    check("a scan takes a time", 0 < seconds < 1, seconds)

    stack.configure("[no_such_table]\n")
    stack.reload()
    stack.until("memory_monitor_config_valid", 0)
    stack.until('memory_monitor_failures_total{kind="configuration"}', 1)
    check("a rejected configuration is seen", True)
    is_clean(stack, "after a rejected configuration")
    stack.configure(RULE.replace("0.1", "0.2"))
    stack.reload()
    stack.until("memory_monitor_config_valid", 1)
    check("and an accepted one", True)

    # It was written and read many times meanwhile.
    scans = stack.value("memory_monitor_scans_total{kind='regular'}")
    check("it was written many times", scans > 20, scans)
    torn = stack.value("max_over_time(node_textfile_scrape_error[10m])")
    check("node_exporter never read half a file", torn == 0, torn)
    # A loaded machine may miss a time to ask.
    gaps = stack.value("sum_over_time(up[10m]) - count_over_time(memory_monitor_dry_run[10m])")
    check("and was never without one", gaps <= 1, gaps)

    stack.stop_daemon()
    late = "time() - memory_monitor_last_scan_timestamp_seconds > 10 * memory_monitor_check_interval_seconds"
    check("that it no longer scans is seen", until("the last scan is long ago", lambda: stack.query(late)))

finish()
