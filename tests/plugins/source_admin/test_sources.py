"""What administrators see of model sources, over HTTP and on the command line."""

import json
from typing import Any

import pytest
from tests.one_database import database_url  # noqa: F401 - a fixture
from tests.upstream import KEY, Upstream, environment_of

from portico.testing import Client, CommandLine

SOURCES = "/api/v1/sources"


@pytest.fixture
def env(env: dict[str, str], upstream: Upstream) -> dict[str, str]:
    """Two connections to one provider: `one` asks for its list, `two` has a list of its own, and is asked if `one` fails."""
    options: dict[str, Any] = {"one": {"model_ids": []}, "two": {"weight": 2.5, "order": 1}}
    return (
        env
        | environment_of(upstream, upstream, **options)
        | {"PORTICO_GATEWAY_BREAKER_FAILURES": "1", "PORTICO_GATEWAY_BREAKER_SECONDS": "600"}
        | {"ENABLE_OLLAMA_API": "false"}
    )


@pytest.fixture
def admin(client: Client) -> Client:
    return client.sign_up("Ada")


def shown(admin: Client) -> dict[str, Any]:
    return {one["name"]: one for one in admin.get(SOURCES).json["sources"]}


def complete(user: Client, model: str = "good") -> int:
    body = {"model": model, "messages": [{"role": "user", "content": "Hi"}]}
    return user.post("/api/chat/completions", json=body).status


def test_administrator_sees_what_each_source_is_doing(admin: Client, upstream: Upstream) -> None:
    assert complete(admin) == 200
    assert complete(admin, "status-400") == 400
    response = admin.get(SOURCES)
    one, two = response.json["sources"]
    assert response.json["instance"]
    assert (one["name"], one["plugin"], one["state"], one["models"]) == ("one", "openai", "ok", 1)
    assert (one["weight"], one["order"], "chat" in one["operations"]) == (1.0, 0, True)
    assert (one["in_flight"], one["calls"], one["breaker"]) == (0, {"answered": 1}, "closed")
    assert one["shared"] == ["good"] and "good" in two["shared"]
    assert (two["weight"], two["order"], two["calls"]) == (2.5, 1, {"refused": 1})
    assert one["last_error"] == "" and one["last_error_age"] is None
    text = response.body.decode()
    assert KEY not in text and upstream.url not in text and "127.0.0.1" not in text


def test_administrator_sees_why_a_source_is_not_asked(admin: Client, upstream: Upstream) -> None:
    assert complete(admin) == 200
    upstream.kill()
    assert complete(admin) == 502
    one = shown(admin)["one"]
    assert (one["breaker"], one["failures"]) == ("open", 1)
    assert 0 < one["retry_seconds"] <= 600
    assert one["last_error"] == "The model source 'one' could not be reached."
    assert one["last_error_age"] >= 0
    assert 'portico_source_breaker_open{source="one"} 1' in admin.get("/metrics").body.decode()


def test_administrator_sees_for_which_model_a_source_asked_to_wait(admin: Client) -> None:
    assert complete(admin, "status-429") == 429
    assert 0 < shown(admin)["two"]["paused_models"]["status-429"] <= 7


def test_check_of_a_repaired_source_has_it_asked_at_once(admin: Client, upstream: Upstream) -> None:
    assert complete(admin) == 200
    upstream.kill()
    assert complete(admin) == 502
    failed = admin.post(f"{SOURCES}/one/check").json
    assert (failed["source"]["state"], failed["source"]["breaker"]) == ("stale", "open")
    assert failed["source"]["reason"] == "The model source 'one' could not be reached."
    upstream.restart()
    assert complete(admin) == 502
    checked = admin.post(f"{SOURCES}/one/check").json
    assert (checked["source"]["state"], checked["source"]["breaker"]) == ("ok", "half_open")
    assert checked["seconds"] > 0
    assert complete(admin) == 200
    assert shown(admin)["one"]["breaker"] == "closed"


def test_check_of_an_unknown_source_is_404(admin: Client) -> None:
    assert admin.post(f"{SOURCES}/nothing/check").status == 404


def test_command_lists_and_checks_sources(cli: CommandLine, upstream: Upstream) -> None:
    listed = cli("source", "list").stdout.splitlines()
    assert [line.split()[:6] for line in listed] == [
        ["one", "openai", "order", "0", "weight", "1"],
        ["two", "openai", "order", "1", "weight", "2.5"],
    ]
    assert " s  1 model\n" in cli("source", "check").stdout
    found = json.loads(cli("source", "check", "one", "--json").stdout)
    assert [one["source"]["name"] for one in found] == ["one"]


def test_command_says_which_source_fails_and_why(cli: CommandLine, upstream: Upstream) -> None:
    upstream.listing = "500"
    failed = cli("source", "check", code=1)
    assert "The model source 'one' answered with an error." in failed.stdout
    for text in (failed.stdout, failed.stderr):
        assert KEY not in text and upstream.url not in text
    assert "portico source list" in cli("source", "check", "nothing", code=2).stderr
