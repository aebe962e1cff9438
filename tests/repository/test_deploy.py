"""The files of `deploy/` agree with each other and with the settings of Portico. `.ci/deploy` checks their form."""

import contextlib
import json
import re
import shutil
import sys
from collections.abc import Iterator
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from tests.commands import Command
from tests.deployment import DEPLOY, read_compose, read_dockerfile
from tests.one_database import database_url  # noqa: F401 - a fixture

from portico.settings.schema import CoreSettings

COMPOSE = ("compose.yaml", "compose.scale.yaml")
VARIABLES = {"WEBUI_SECRET_KEY": "x", "POSTGRES_PASSWORD": "x"}
#: Variables of the image that are not settings.
NOT_SETTINGS = {"PATH", "PYTHONDONTWRITEBYTECODE", "POD_ADDRESS"}
#: Seconds that a process needs to end besides what its settings allow.
MARGIN = 5


def manifests() -> Iterator[dict[str, Any]]:
    for file in sorted((DEPLOY / "kubernetes").glob("*.yaml")):
        yield from yaml.safe_load_all(file.read_text())


def manifest(kind: str, name: str) -> dict[str, Any]:
    (found,) = (
        one for one in manifests() if (one["kind"], one["metadata"]["name"]) == (kind, name)
    )
    return found


def variables_in(name: str) -> set[str]:
    """The variables that a file sets for Portico."""
    if name == "Dockerfile":
        return set(read_dockerfile(DEPLOY / name)[-1].environment)
    if name == "kubernetes":
        data = (
            manifest("ConfigMap", "portico")["data"] | manifest("Secret", "portico")["stringData"]
        )
        pod = manifest("Deployment", "portico-server")["spec"]["template"]["spec"]
        return {*data, *(one["name"] for one in pod["containers"][0]["env"])}
    document = yaml.safe_load((DEPLOY / name).read_text())
    services = document["services"].values()
    ours = [one for one in services if one["image"] == "portico"]
    return {key for one in ours for key in one["environment"]}


@pytest.mark.parametrize("name", [*COMPOSE, "Dockerfile", "kubernetes"])
def test_variable_of_a_deployment_is_a_setting(name: str, command: Command) -> None:
    rows = json.loads(command("config", "--json"))
    known_variables = {variable for row in rows for variable in row["variables"]}
    assert variables_in(name) - NOT_SETTINGS - known_variables == set()


@pytest.mark.parametrize("name", COMPOSE)
def test_only_the_network_of_the_proxy_is_trusted(name: str) -> None:
    document = yaml.safe_load((DEPLOY / name).read_text())
    (network,) = document["networks"].values()
    (config,) = network["ipam"]["config"]
    ours = [
        one for one in read_compose(DEPLOY / name, VARIABLES).values() if one.image == "portico"
    ]
    assert {one.environment["FORWARDED_ALLOW_IPS"] for one in ours} == {config["subnet"]}


def needed(drain_delay: object) -> float:
    """Seconds between SIGTERM and the end of a process with this delay."""
    defaults = CoreSettings()
    ends = defaults.server.shutdown_timeout, defaults.worker.shutdown_timeout
    return float(str(drain_delay)) + max(ends) + MARGIN


def test_processes_are_not_killed_before_they_had_their_time() -> None:
    for name in COMPOSE:
        for one in read_compose(DEPLOY / name, VARIABLES).values():
            if one.image == "portico":
                seconds = float(one.document["stop_grace_period"].removesuffix("s"))
                assert seconds >= needed(one.environment["PORTICO_SERVER_DRAIN_DELAY"]), one.name
    delay = manifest("ConfigMap", "portico")["data"]["PORTICO_SERVER_DRAIN_DELAY"]
    for name in ("portico-server", "portico-worker"):
        pod = manifest("Deployment", name)["spec"]["template"]["spec"]
        assert pod["terminationGracePeriodSeconds"] >= needed(delay), name
    for unit in ("portico", "portico-worker"):
        text = (DEPLOY / "systemd" / f"{unit}.service").read_text()
        stop = re.search(r"^TimeoutStopSec=(\d+)$", text, re.M)
        assert stop is not None
        assert int(stop[1]) >= needed(CoreSettings().server.drain_delay), unit


def test_backup_job_sets_known_variables_and_runs_a_known_command(command: Command) -> None:
    job = manifest("CronJob", "portico-backup")["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    rows = json.loads(command("config", "--json"))
    known_variables = {variable for row in rows for variable in row["variables"]}
    (container,) = job["containers"]
    assert {one["name"] for one in container["env"]} - known_variables == set()
    unit = (DEPLOY / "systemd" / "portico-backup.service").read_text()
    options = {
        word.partition("=")[0] for word in (*container["args"], *unit.split()) if "--" in word
    }
    shown = command("backup", "create", "--help") + command("backup", "verify", "--help")
    assert {one for one in options if one.startswith("--")} <= set(re.findall(r"--[a-z-]+", shown))


def test_metric_that_scales_servers_and_workers_exists() -> None:
    readme = (DEPLOY.parent / "plugins" / "portico_metrics" / "README.md").read_text()
    for name in ("portico-server", "portico-worker"):
        spec = manifest("HorizontalPodAutoscaler", name)["spec"]
        for one in spec["metrics"]:
            if one["type"] != "Resource":
                assert f"`{one[one['type'].lower()]['metric']['name']}`" in readme


def test_every_file_is_checked() -> None:
    checked = Path(DEPLOY.parent, ".ci", "deploy").read_text()
    for path in DEPLOY.rglob("*"):
        folder = path.relative_to(DEPLOY).parts[0]
        if path.is_file() and path.suffix not in (".md", ".toml"):
            assert f'"{folder}"' in checked or folder.startswith("compose"), path


@pytest.mark.slow
def test_checker_finds_a_fault_in_each_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # beside the script
    loader = SourceFileLoader("deploy_checks", str(DEPLOY.parent / ".ci" / "deploy"))
    checks = ModuleType(loader.name)
    checks.__file__ = loader.path
    loader.exec_module(checks)
    copy = tmp_path / "deploy"
    shutil.copytree(DEPLOY, copy)
    monkeypatch.setattr(checks, "DEPLOY", copy)
    for file in copy.rglob("*"):
        if file.is_file():
            file.write_text(file.read_text() + "\nnonsense here {\n")
    for name, check in checks.CHECKS.items():
        # What this machine has not got is said by the script itself.
        with contextlib.suppress(checks.NotRunError):
            assert check(), name
