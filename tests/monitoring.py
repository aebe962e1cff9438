"""The dashboard and the alert rules of `deploy/monitoring`, and the program of Prometheus that checks them."""

import json
import re
from pathlib import Path
from typing import Any, Final

import yaml
from tests.debian_programs import Installed, find_program
from tests.deployment import DEPLOY

FOLDER: Final = DEPLOY / "monitoring"
DASHBOARD: Final = FOLDER / "portico.dashboard.json"
RULES: Final = FOLDER / "portico.rules.yml"
#: What Grafana puts in place of its variables.
_VARIABLES: Final = {"$job": ".*", "$instance": ".*", "$__rate_interval": "1m", "$__range": "1h", "$__interval": "1m"}  # fmt: skip
_VARIABLE: Final = re.compile(r"\$(?:__)?[a-z_]+")


def find_promtool(cache: Path) -> Installed | None:
    return find_program("promtool", ["prometheus"], cache, place="usr/bin/promtool")


def dashboard_queries(text: str) -> list[str]:
    """Return the queries of all panels and annotations as Prometheus gets them."""
    board = json.loads(text)
    holders = [*board["annotations"]["list"]]
    for panel in board["panels"]:
        holders += panel.get("targets", [])
    return [_VARIABLE.sub(lambda found: _VARIABLES[found[0]], one["expr"]) for one in holders]


def alerts(text: str) -> list[dict[str, Any]]:
    """Return the alerts of a file of rules."""
    return [rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"]]


def recording_rules(queries: list[str]) -> str:
    """Return a file of rules with these queries, which a checker of rules checks."""
    rules = [{"record": f"panel:{number}", "expr": one} for number, one in enumerate(queries)]
    return json.dumps({"groups": [{"name": "dashboard", "rules": rules}]})
