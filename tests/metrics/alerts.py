"""The shipped alerts: what promtool says of them and of alerts_test.yml, that this test misses none of them, and what
Prometheus makes of a daemon that kills many processes and has its configuration rejected. Run by `alerts`."""
import json
import pathlib
import re
import subprocess
import tempfile

from checks import check, finish
from stack import PROMETHEUS, Stack, get, until

ALERTS = pathlib.Path("etc/examples/alerts.yml")
CASES = pathlib.Path("tests/metrics/alerts_test.yml")


def promtool(*arguments):
    """Whether promtool is content, and what it says."""
    said = subprocess.run(["promtool", *arguments], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return said.returncode == 0, said.stdout


def cases_hold(rules):
    """Whether all cases come out as they should with these alerts."""
    with tempfile.TemporaryDirectory() as directory:
        alerts, cases = pathlib.Path(directory, ALERTS.name), pathlib.Path(directory, CASES.name)
        alerts.write_text(rules)
        cases.write_text(CASES.read_text().replace(f"../../{ALERTS}", str(alerts)))
        return promtool("test", "rules", str(cases))


text = ALERTS.read_text()
names = re.findall(r"- alert: (\w+)", text)
content, said = promtool("check", "rules", "--lint=all", "--lint-fatal", str(ALERTS))
found = said.splitlines()[1:]
check("promtool finds nothing wrong", content and found == [f"  SUCCESS: {len(names)} rules found", ""], said)
check("every case comes out", *cases_hold(text))
for instead, what in ("vector(0) > 1", "never fires"), ("vector(1)", "always fires"):
    # An expression ends where the next key begins.
    broken, count = re.subn(r"(?<= expr: ).*?(?=\n        (?:for|labels):)", instead, text, flags=re.S)
    content, said = cases_hold(broken)
    for name in names:
        check(f"a {name} that {what} is seen", count == len(names) and not content and f'"{name}"' in said)
used = set(re.findall(r"\bmemory_monitor_[a-z_]+", text))

RULE = '[[rule]]\nname = "small"\nram_gb_threshold = 0.02\n'
# Over its threshold from the start, so that there are its series.
RULE += '[[group]]\nby = "user"\nram_gb_threshold = 0.001\naction = "warn"\n'


def firing(stack):
    """The alerts that fire, by name."""
    alerts = json.loads(get(PROMETHEUS, "/api/v1/alerts"))["data"]["alerts"]
    return {alert["labels"]["alertname"]: alert for alert in alerts if alert["state"] == "firing"}


with Stack(RULE, rules=[ALERTS]) as stack:
    for metric in sorted(used):
        check(f"the daemon has {metric}", stack.query(metric))
    check("nothing fires of a daemon that is well", firing(stack) == {}, firing(stack))
    stack.configure("[no_such_table]\n")
    stack.reload()
    rejected = "MemoryMonitorConfigurationRejected"
    until(f"{rejected} fires", lambda: rejected in firing(stack))
    stack.configure(RULE)
    stack.reload()
    until(f"{rejected} is over", lambda: rejected not in firing(stack))
    check("a rejected configuration is reported, and that it is well again", True)
    storm = "MemoryMonitorKillStorm"
    # increase() extrapolates to the ends of its range, so that ten kills may count for eleven.
    for _ in range(8):
        stack.hog("small", 40).wait()
    stack.until("sum(memory_monitor_ended_total)", 8)
    check("eight are no storm", storm not in firing(stack))
    for _ in range(5):
        stack.hog("small", 40).wait()
    alert = until(f"{storm} fires", lambda: firing(stack).get(storm))
    described = alert["annotations"]["description"]
    # More than ten, and rounded.
    check("it says how many", re.match(r"1[0-9] in ten minutes", described), described)
    check("that is all", set(firing(stack)) == {storm}, firing(stack))

finish()
