"""The shipped dashboard: its panels, and their queries as Grafana would ask them."""
import json
import pathlib
import re

DASHBOARD = json.loads(pathlib.Path("etc/examples/grafana-dashboard.json").read_text())
PANELS = DASHBOARD["panels"]


def asked(expression, interval="1m", over="1h"):
    """An expression with its variables replaced, `All` of those that can be chosen."""
    given = {"job": ".*", "instance": ".*", "__interval": interval, "__rate_interval": interval, "__range": over}
    return re.sub(r"\$\{?(\w+)\}?", lambda found: given[found[1]], expression)


def legend(target, labels):
    """What one series of a panel is called."""
    return re.sub(r"\{\{(\w+)\}\}", lambda found: labels.get(found[1], ""), target.get("legendFormat", "")) or str(labels)
