"""The dashboard, the alerts and the README name the figures that `/metrics` really has, with their labels."""

import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests import skipped_dependencies
from tests.monitoring import DASHBOARD, RULES, alerts, dashboard_queries, find_promtool
from tests.one_database import database_url  # noqa: F401 - a fixture

from portico.boot.core_metrics import core_metrics
from portico.settings.load import load_settings
from portico.testing import Client, InProcessApp
from portico.wiring import CoreServices

README = Path(__file__).parents[3] / "plugins" / "portico_metrics" / "README.md"
FIGURE = re.compile(r"`((?:portico|process)_[a-z_]+)(?:\{([^}`]*)\})?`")
NAME = re.compile(r"\b(?:portico|process)_[a-z_]+")
SUFFIX = re.compile(r"_(bucket|sum|count)$")
SELECTED = re.compile(r'([a-z_]+)(?:=~|!~|!=|=)"')
GROUPED = re.compile(r"\b(?:by|on) \(([^)]*)\)")
#: Labels that Prometheus and the queries themselves add.
ADDED = {"job", "instance", "le", "class", "alertname", "alertstate"}
Labels = dict[str, set[str]]


@pytest.fixture
def shown(app: InProcessApp) -> Labels:
    """The figures that there are on any database, by name, with their labels."""
    contributed = [
        (f"{one.plugin_name}_{metric.name}", metric)
        for one in app.portico.contributions
        for metric in one.metrics
    ]
    settings = load_settings(environ={"DATABASE_URL": "postgresql://h/d", "REDIS_URL": "redis://h"})
    core = [*core_metrics(app.portico), *core_metrics(CoreServices(settings))]
    found = {"portico_server_processes": {"state"}}
    for name, metric in [*((one.name, one) for one in core), *contributed]:
        total = "_total" if metric.kind == "counter" else ""
        found[f"portico_{name.removesuffix('_total')}{total}"] = set(metric.labels)
    return found


@pytest.fixture
def text(admin: Client) -> str:
    return admin.get("/metrics").body.decode()


def process_figures(text: str) -> set[str]:
    families = text_string_to_metric_families(text)
    return {
        one.name + ("_total" if one.type == "counter" else "")
        for one in families
        if one.name.startswith("process_")
    }


def test_readme_lists_what_is_exposed(shown: Labels, text: str) -> None:
    table = re.findall(r"^\| `p.*", README.read_text(), re.M)
    listed = {
        name: set(re.findall(r"[a-z_]+", labels))
        for name, labels in FIGURE.findall("\n".join(table))
    }
    own = {name: labels for name, labels in listed.items() if name.startswith("portico_")}
    assert own == shown
    assert listed.keys() - own.keys() == process_figures(text)
    # What is shown here has the names from above; further ones depend on the database and on Redis.
    exposed = set(re.findall(r"^# TYPE (portico_\S+)", text, re.M))
    assert exposed <= shown.keys()
    further = "portico_(redis_.*|database_connections)"
    assert {one for one in shown.keys() - exposed if not re.fullmatch(further, one)} == set()


def unknown(queries: Iterable[str], shown: Labels, others: set[str]) -> set[str]:
    """The names and labels in these queries that no figure has."""
    found = set()
    for query in queries:
        names = {
            one if one in shown else SUFFIX.sub("", one) for one in NAME.findall(query)
        } - others
        found |= names - shown.keys()
        labels = ADDED.union(*(shown.get(one, ()) for one in names))
        used = {one for group in GROUPED.findall(query) for one in re.findall(r"[a-z_]+", group)}
        found |= {*used, *SELECTED.findall(query)} - labels
    return found


def test_dashboard_and_alerts_use_what_is_exposed(shown: Labels, text: str) -> None:
    others = process_figures(text)
    queries = dashboard_queries(DASHBOARD.read_text())
    assert len(queries) > 50
    assert unknown(queries, shown, others) == set()
    rules = alerts(RULES.read_text())
    assert unknown([one["expr"] for one in rules], shown, others) == set()
    for one in rules:
        assert one["labels"]["severity"] in ("warning", "critical")
        assert {"summary", "description"} == one["annotations"].keys()
    assert unknown(["sum by (rute) (portico_nothing)"], shown, others) == {
        "rute",
        "portico_nothing",
    }


def test_promtool_accepts_what_is_exposed(text: str, pytestconfig: pytest.Config) -> None:
    assert pytestconfig.cache is not None
    promtool = find_promtool(pytestconfig.cache.mkdir("debian"))
    if promtool is None:
        pytest.skip(skipped_dependencies.NO_PROMTOOL)
    done = subprocess.run(
        [promtool.program, "check", "metrics"],
        input=text,
        env=promtool.environment,
        text=True,
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
