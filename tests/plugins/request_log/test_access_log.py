"""One line per request, whatever the request says."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.one_database import database_url  # noqa: F401 - a fixture

from portico.api.web import ObservedRequest
from portico.testing import Client, InProcessApp
from portico_request_log.access_log import json_line, text_line

Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def env(env: dict[str, str]) -> dict[str, str]:
    return env | {"PORTICO_REQUEST_LOG_ACCESS": "true", "PORTICO_LOG_FORMAT": "json"}


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Lines:
    """`lines()` returns the lines of requests since the last call."""

    def read() -> list[dict[str, Any]]:
        found = (json.loads(one) for one in capsys.readouterr().err.splitlines())
        return [one for one in found if one["event"] == "request"]

    return read


def test_line_has_route_account_and_sizes_and_no_query(admin: Client, lines: Lines) -> None:
    chat = admin.post("/api/v1/chats/new", {"chat": {"title": "x"}}).json
    lines()
    answer = admin.get(f"/api/v1/chats/{chat['id']}?token=hunter2&q=secret+words")
    [line] = lines()
    del line["timestamp"], line["ms"]
    assert line == {
        "method": "GET",
        "path": "/api/v1/chats/{chat_id}",
        "status": 200,
        "received": 0,
        "sent": len(answer.body),
        "client": "127.0.0.1",
        "account": admin.account["id"],
        "request": answer.headers["x-request-id"],
        "event": "request",
        "level": "info",
    }


def test_refused_and_unknown_requests_have_a_line_too(
    client: Client, app: InProcessApp, lines: Lines
) -> None:
    client.get("/api/v1/chats/")
    client.request("HEAD", "/health")
    client.post("/api/v1/auths/signin", {"email": "a@example.org", "password": "x"})
    client.request("BREW 1", "/nowhere%0Aforged%1b[31m")
    found = lines()
    assert [(one["method"], one["status"], one["account"]) for one in found[:2]] == [
        ("GET", 401, None),
        ("HEAD", 200, None),
    ]
    assert found[1]["sent"] == 0 and found[2]["received"] > 20
    assert len(found) == 4 and found[3]["method"] == "?"


@pytest.mark.case("AB-85")
@pytest.mark.parametrize("write", [json_line, text_line])
def test_request_is_one_line_whatever_its_path_is(write: Callable[[ObservedRequest], str]) -> None:
    path = "/a\nforged\r\x1b[31m\x85\u2028\x9b\x00\ud800 x=1"
    request = ObservedRequest("GET", path, b"")
    request.client = "fe80::1"
    text = write(request)
    assert text.isascii() or text.rstrip("\n").isprintable()
    assert len(text.splitlines()) == 1 and text.endswith("\n")
    assert " x=1" not in text or write is json_line


class TestOff:
    """As without the plugin."""

    @pytest.fixture
    def env(self, env: dict[str, str]) -> dict[str, str]:
        return env | {"PORTICO_REQUEST_LOG_ACCESS": "false"}

    def test_no_line_is_written(self, client: Client, lines: Lines) -> None:
        client.get("/health")
        assert lines() == []
