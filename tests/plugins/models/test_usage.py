"""The models in use: the event `usage` and `GET /api/usage`."""

import pytest
from tests.one_database import database_url  # noqa: F401 - a fixture

from portico.testing import Client, InProcessApp, SocketIOClient
from portico_models.usage import pool


def report(socket: SocketIOClient, model: object) -> None:
    assert socket.call("usage", {"action": "chat", "model": model, "chat_id": "c"}) is None


def usage(client: Client) -> dict[str, object]:
    answer = client.get("/api/usage")
    assert answer.status == 200, answer
    found: dict[str, object] = answer.json
    return found


def test_reported_models_are_listed_for_those_who_may_use_them(
    app: InProcessApp, admin: Client, ann: Client
) -> None:
    with admin.connect_socket() as socket, ann.connect_socket() as other:
        report(socket, "closed-1")
        report(other, "open-1")
        assert usage(admin) == {"model_ids": ["closed-1", "open-1"], "user_count": 2}
        assert usage(ann)["model_ids"] == ["open-1"]


@pytest.mark.case("AB-65")
def test_invented_and_hidden_models_are_not_counted(app: InProcessApp, ann: Client) -> None:
    plugin = next(c for c in app.portico.contributions if c.plugin_name == "models").components
    with ann.connect_socket() as socket:
        for number in range(300):
            socket.emit("usage", {"action": "chat", "model": f"invented-{number}"})
        report(socket, "closed-1")
        report(socket, "open-1")
        assert plugin.usage.model_ids() == ["open-1"]


@pytest.mark.case("AB-64")
def test_malformed_reports_are_answered_with_an_error(ann: Client) -> None:
    with ann.connect_socket() as socket:
        for payload in ([], [None], [{}], [{"model": None}], [{"model": ["x"]}], ["open-1"]):
            assert set(socket.call("usage", *payload)) == {"error"}


def test_report_expires(admin: Client, ann: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    with ann.connect_socket() as socket:
        report(socket, "open-1")
        monkeypatch.setattr(pool, "EXPIRY_SECONDS", 0.0)
        assert usage(admin)["model_ids"] == []
