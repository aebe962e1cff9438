"""Refusals in the log: account, route and reason, and never what the client sent."""

import json

import pytest

from portico.testing import PASSWORD, Client


def refusals(log_text: str) -> list[dict[str, object]]:
    events = [json.loads(line) for line in log_text.splitlines() if line.startswith("{")]
    return [event for event in events if event["event"] == "request refused"]


def test_each_refusal_is_logged_once(admin: Client, capsys: pytest.CaptureFixture[str]) -> None:
    ben = admin.add_user("Ben")
    capsys.readouterr()
    anonymous = Client(admin.transport)
    anonymous.get("/api/v1/chats/")
    ben.post("/api/v1/auths/add", {"name": "x", "email": "x@example.org", "password": PASSWORD})
    wrong = {"email": "ada@example.org", "password": "not-the-password"}
    anonymous.post("/api/v1/auths/signin", wrong)
    ben.get("/api/v1/chats/nowhere")
    log_text = capsys.readouterr().err
    found = [(event["status"], event["route"], event["account"]) for event in refusals(log_text)]
    assert found == [
        (401, "/api/v1/chats", None),
        (403, "/api/v1/auths/add", ben.account["id"]),
        (400, "/api/v1/auths/signin", None),
    ]
    assert all(event["request"] for event in refusals(log_text))
    for secret in ("not-the-password", PASSWORD, str(ben.token)):
        assert secret not in log_text
