"""Errors have the shape that the client packages of a route read, wherever they are raised."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.one_database import database_url  # noqa: F401 - a fixture

from portico.testing import Client

SOURCE = """
    from litestar.params import JSONBody
    from portico.api import (
        Forbidden, InvalidRequest, NotFound, PluginInfo, RateLimited, SourceFailed, SourceTimedOut,
        Unavailable, hookimpl,
    )
    from portico.api.web import post

    PLUGIN = PluginInfo(api_version=1, summary="Fails.")
    ERRORS = {
        "invalid": InvalidRequest("Not so."),
        "forbidden": Forbidden(),
        "absent": NotFound(),
        "busy": RateLimited(7, "Too much.", code="budget_exceeded"),
        "failed": SourceFailed("It failed."),
        "slow": SourceTimedOut("It is slow."),
        "away": Unavailable(),
        "broken": RuntimeError("secret"),
    }

    def routes(form):
        @post(f"/api/x/failing/{form}", errors=form, max_body=1000)
        async def fail(data: JSONBody[dict[str, str]]) -> None:
            raise ERRORS[data["error"]]
        return fail

    @hookimpl
    def register_routes():
        return [routes("openai"), routes("anthropic"), routes("ollama")]
"""
#: By what is asked: status; type and code of OpenAI's errors; type of Anthropic's; the sentence.
CASES: dict[str, tuple[int, str, str | None, str, str]] = {
    "invalid": (400, "invalid_request_error", None, "invalid_request_error", "Not so."),
    "forbidden": (403, "permission_error", "permission_denied", "permission_error", "You do not"),
    "absent": (404, "invalid_request_error", "not_found", "not_found_error", "We could not find"),
    "busy": (429, "rate_limit_error", "budget_exceeded", "rate_limit_error", "Too much."),
    "failed": (502, "upstream_error", "source_failed", "api_error", "It failed."),
    "slow": (504, "upstream_error", "source_timed_out", "timeout_error", "It is slow."),
    "away": (503, "server_error", "unavailable", "overloaded_error", "Service temporarily"),
    "broken": (500, "server_error", "internal_error", "api_error", "Internal Server Error"),
}
BODIES: list[tuple[bytes, int, str, str]] = [
    (b"{", 422, "invalid_request_error", "body"),
    (b"[]", 422, "invalid_request_error", "body"),
    (b'{"error":1}', 422, "invalid_request_error", "body"),
    (b"[" * 500, 422, "invalid_request_error", "body"),
    (b'{"error":"%b"}' % (b"x" * 2000), 413, "request_too_large", "Request body too large"),
]


@pytest.fixture(autouse=True)
def failing(install: Callable[..., None]) -> None:
    install("failing", SOURCE)


def assert_shape(form: str, body: Any, kinds: dict[str, Any], sentence: str) -> None:
    match form:
        case "openai":
            assert set(body) == {"detail", "error"}
            assert set(body["error"]) == {"message", "type", "param", "code"}
            found = body["error"]["message"]
            assert {key: body["error"][key] for key in kinds} == kinds
        case "anthropic":
            assert set(body) == {"type", "error", "detail"} and body["type"] == "error"
            found = body["error"]["message"]
            assert body["error"] == {"type": kinds["type"], "message": found}
        case _:
            assert set(body) == {"detail", "error"}
            found = body["error"]
    assert found.startswith(sentence)
    assert body["detail"] == found or isinstance(body["detail"], list)


@pytest.mark.parametrize("form", ["openai", "anthropic", "ollama"])
@pytest.mark.parametrize("name", CASES)
def test_raised_error_has_the_shape_of_the_route(user: Client, form: str, name: str) -> None:
    status, kind, code, anthropic, sentence = CASES[name]
    answer = user.post(f"/api/x/failing/{form}", {"error": name})
    assert answer.status == status
    kinds = {"type": anthropic} if form == "anthropic" else {"type": kind, "code": code}
    assert_shape(form, answer.json, kinds, sentence)
    if status == 429:
        assert answer.headers["retry-after"] == "7"


@pytest.mark.parametrize("form", ["openai", "anthropic", "ollama"])
def test_error_before_the_handler_has_the_shape_of_the_route(
    client: Client, admin: Client, form: str
) -> None:
    path = f"/api/x/failing/{form}"
    unknown = client.post(path, {"error": "invalid"})
    wrong = client.post(path, {}, headers={"x-api-key": "nonsense"})
    for answer in (unknown, wrong):
        assert answer.status == 401 and answer.headers["www-authenticate"] == "Bearer"
        kinds = {"type": "authentication_error"}
        assert_shape(form, answer.json, kinds, str(answer.detail))
    pending = admin.add_user("Pia", "pending").post(path, {"error": "invalid"})
    assert pending.status == 403
    assert_shape(form, pending.json, {"type": "permission_error"}, "You do not have")
    for body, status, kind, sentence in BODIES:
        answer = admin.post(path, body=body)
        assert answer.status == status, body[:20]
        kind = kind if form == "anthropic" else "invalid_request_error"
        assert_shape(form, answer.json, {"type": kind}, sentence)


def test_error_of_one_field_names_it(user: Client) -> None:
    answer = user.post("/api/chat/completions", {"model": "m", "messages": [1]})
    assert answer.status == 422
    assert answer.json["error"] == {
        "message": "body.messages.0: Expected `object`",
        "type": "invalid_request_error",
        "param": "messages.0",
        "code": None,
    }


def test_error_of_another_route_is_only_its_detail(user: Client) -> None:
    answer = user.get("/api/v1/chats/nowhere")
    assert answer.status == 404 and set(answer.json) == {"detail"}


def test_unknown_model_has_the_code_of_openai(user: Client) -> None:
    answer = user.post("/api/chat/completions", {"model": "m", "messages": []})
    assert (answer.status, answer.json["error"]["code"]) == (404, "model_not_found")
