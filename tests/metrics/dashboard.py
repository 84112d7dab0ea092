"""The shipped dashboard by its structure, and by what Prometheus answers to each of its queries, about a daemon that has
ended processes. Run by `dashboard`. Grafana itself is not asked: Debian has none."""
import itertools
import re
import time

from checks import check, finish
from grafana import DASHBOARD, PANELS, asked
from stack import Stack


def places(panel):
    """The cells of Grafana's grid that a panel takes."""
    grid = panel["gridPos"]
    rows, columns = range(grid["y"], grid["y"] + grid["h"]), range(grid["x"], grid["x"] + grid["w"])
    return set(itertools.product(rows, columns))


def datasources(value):
    """All data sources that are named anywhere."""
    if isinstance(value, list):
        return [found for each in value for found in datasources(each)]
    if not isinstance(value, dict):
        return []
    mine = [value["datasource"]] if "datasource" in value else []
    return mine + [found for each in value.values() for found in datasources(each)]


ids = [panel["id"] for panel in PANELS]
check("each panel has an id of its own", len(set(ids)) == len(ids) > 0, ids)
cells = [cell for panel in PANELS for cell in places(panel)]
check("no panel lies on another", len(set(cells)) == len(cells))
check("no panel is wider than the grid", all(0 <= column < 24 for _, column in cells))
check("there are no gaps", len(cells) == 24 * len({row for row, _ in cells}) == 24 * (1 + max(cells)[0]))
for panel in PANELS:
    title = panel["title"]
    check(f"{title} is of a kind that every Grafana has", panel["type"] in ("stat", "timeseries", "table"))
    check(f"{title} says what it means", panel["description"].endswith("."))
    refs = [target["refId"] for target in panel["targets"]]
    check(f"the queries of {title} are told apart", len(set(refs)) == len(refs) > 0, refs)
    for found in re.findall(r"Value #(\w)", str(panel)):
        check(f"{title} speaks of a query that it has", found in refs, found)
# Whoever imports it chooses the data source at the top; an identifier of another Grafana would find none.
chosen = {"type": "prometheus", "uid": "${datasource}"}
builtin = {"type": "grafana", "uid": "-- Grafana --"}
named = datasources(DASHBOARD)
check("it asks the data source that is chosen", all(each in (chosen, builtin) for each in named), named)
variables = {variable["name"]: variable for variable in DASHBOARD["templating"]["list"]}
check("it has its variables", list(variables) == ["datasource", "job", "instance"])
check("Grafana gives it a number of its own", "id" not in DASHBOARD)

queries = [(panel["title"], target["expr"]) for panel in PANELS for target in panel["targets"]]
queries += [(each["name"], each["expr"]) for each in DASHBOARD["annotations"]["list"] if "expr" in each]
for title, expression in queries:
    selectors = re.findall(r"memory_monitor_\w+(\{[^}]*)?", expression)
    kept = 'job=~"$job",instance=~"$instance"'
    check(f"{title} asks the chosen machines only", all(kept in each for each in selectors), expression)

RULE = '[[rule]]\nname = "ruled"\nram_gb_threshold = 0.1\n'
# Over its threshold from the start, so that there are its series.
RULE += '[[group]]\nby = "user"\nram_gb_threshold = 0.001\naction = "warn"\n'
with Stack(RULE) as stack:
    # A step is known as one where Prometheus has known the daemon for an interval.
    stack.until("memory_monitor_build_info offset 10s", 1)
    stack.hog("chrome", 300)
    stack.hog("chrome", 300)
    stack.hog("java", 300, ignores_sigterm=True)
    stack.hog("ruled", 150)
    stack.until("sum(memory_monitor_ended_total offset 1s)", 4)
    # Counters begin again, and what was counted before is neither lost nor counted twice.
    stack.stop_daemon()
    stack.start_daemon()
    stack.until("sum(memory_monitor_ended_total offset 1s)", 0)
    stack.hog("chrome", 300)
    stack.until("sum(memory_monitor_ended_total)", 1)
    stack.reload()
    stack.until("changes(memory_monitor_config_loaded_timestamp_seconds[10s]) > bool 0", 1)
    for title, expression in queries:
        found = stack.query(asked(expression, interval="10s"))
        check(f"{title} is not empty", found and all(value == value for _, value in found), (expression, found))

    def steps(title, *keys):
        """The sum of its bars: each step is in one interval, and in no other."""
        panel = next(panel for panel in PANELS if panel["title"] == title)
        bars = {}
        end = time.time()
        for ago in range(60):
            for labels, count in stack.query(asked(panel["targets"][0]["expr"], interval="1s"), at=end - ago):
                key = tuple(labels[key] for key in keys)
                bars[key] = bars.get(key, 0) + count
        return {key: count for key, count in bars.items() if count}

    for title, keys, wanted in (
        ("Killed by name", ["name"], {("chrome",): 3, ("java",): 1, ("ruled",): 1}),
        ("Killed by machine", ["instance"], {("127.0.0.1:9100",): 5}),
        (
            "Killed by rule and signal",
            ["rule", "signal"],
            {("general", "SIGTERM"): 3, ("general", "SIGKILL"): 1, ("1", "SIGTERM"): 1},
        ),
    ):
        found = steps(title, *keys)
        check(f"the bars of {title} are what was killed", found == wanted, found)

finish()
