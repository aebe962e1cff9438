"""What administrators are alerted of, from the places that notice it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.one_database import database_url  # noqa: F401 - a fixture
from tests.upstream import Upstream
from tests.webhook_receiver import WebhookReceiver

from portico.boot import Application
from portico.tasks import TaskFailed, TaskType
from portico.testing import Client, InProcessApp

WEBHOOK = "/api/webhook"


@pytest.fixture
def env(
    env: dict[str, str],
    receiver: WebhookReceiver,
    upstream: Upstream,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> dict[str, str]:
    (tmp_path / "policies").mkdir()
    if "source" in request.node.name:
        upstream.listing = "500"
    return env | {
        "OPENAI_API_BASE_URLS": upstream.url,
        "OPENAI_API_KEYS": upstream.key,
        "WEBHOOK_URL": receiver.url,
        "PORTICO_ACCESS_POLICY_DIR": str(tmp_path / "policies"),
        "PORTICO_WEBHOOKS_MIN_FREE_BYTES": str(2**62),
    }


def alerts(receiver: WebhookReceiver, kind: str) -> list[dict[str, Any]]:
    """Wait for an alert of this kind, and return all of them."""
    receiver.wait_for(1)
    while not (found := [one.json for one in receiver.messages if one.json.get("kind") == kind]):
        receiver.wait_for(len(receiver.messages) + 1)
    return found


def test_rejected_policy_file_is_told_with_its_fault(
    admin: Client, receiver: WebhookReceiver, tmp_path: Path
) -> None:
    (tmp_path / "policies" / "ours.csv").write_text("p, chat, read, everyone\n")
    (alert,) = alerts(receiver, "portico:policies_rejected")
    assert alert["action"] == "alert"
    assert "ours.csv" in alert["message"] and "Correct them" in alert["message"]
    assert admin.get("/api/v1/policies").status == 200


def test_source_that_does_not_list_its_models_is_told(
    admin: Client, receiver: WebhookReceiver
) -> None:
    assert admin.get("/api/models?refresh=true").status == 200
    (alert,) = alerts(receiver, "portico:source_failed")
    assert alert["about"] and alert["about"] in alert["message"]


class _Nothing(msgspec.Struct):
    pass


def test_task_that_has_failed_is_told_but_not_a_delivery(
    app: InProcessApp, admin: Client, receiver: WebhookReceiver
) -> None:
    async def fail(*_: Any) -> None:
        raise TaskFailed("It cannot be done.")

    tasks = app.portico.tasks
    tasks.set_types([*tasks.types.values(), TaskType("acme:work", _Nothing, fail)])
    app.run(tasks.create, "acme:work", _Nothing())
    (alert,) = alerts(receiver, "portico:task_failed")
    assert alert["about"] == "acme:work"

    receiver.statuses = [410]
    app.client.sign_up("Ben")
    app.run(tasks.run_due)
    app.run(app.portico.events.drain)
    app.run(tasks.run_due)
    told = [one.json.get("about") for one in receiver.messages if one.json["action"] == "alert"]
    assert "webhooks:deliver" not in told


def test_disk_that_is_nearly_full_is_told(
    app: InProcessApp, admin: Client, receiver: WebhookReceiver
) -> None:
    (watch,) = [
        one.components.disk_watch
        for one in app.portico.contributions
        if one.plugin_name == "webhooks"
    ]
    app.run(watch.check)
    (alert,) = alerts(receiver, "webhooks:disk_low")
    assert "MiB left" in alert["message"]


def test_policies_that_are_rejected_at_the_start_are_told(
    env: dict[str, str],
    complete_schema: Callable[[Application], None],
    receiver: WebhookReceiver,
    tmp_path: Path,
) -> None:
    InProcessApp(env, complete_schema).close()  # its policies are those that stay active
    (tmp_path / "policies" / "ours.csv").write_text("p, chat, read, everyone\n")
    app = InProcessApp(env)
    try:
        assert alerts(receiver, "portico:policies_rejected")
    finally:
        app.close()
