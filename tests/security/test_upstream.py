"""Hostile completion requests, and providers that misbehave, against a real provider."""

import http.client
import json
import socket
import time
import urllib.parse
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.one_database import database_url  # noqa: F401 - a fixture
from tests.upstream import BEHAVIOURS, DONE, GOOD, KEY, Upstream, chunk

from portico.boot import Application
from portico.testing import Client, InProcessApp, Response, ServerProcess

MESSAGES = [{"role": "user", "content": "hi"}]
COMPLETION_PATHS = ["/api/chat/completions", "/api/v1/chat/completions"]
SECRETS = (KEY, "10.1.2.3", "Traceback")


@pytest.fixture
def env(env: dict[str, str], upstream: Upstream) -> dict[str, str]:
    """One provider, whose models all users may use, and short time limits."""
    return (
        env
        | upstream.environment
        | {
            "PORTICO_OPENAI_FIRST_BYTE_TIMEOUT": "0.5",
            "PORTICO_OPENAI_IDLE_TIMEOUT": "1",
            "ENABLE_EVALUATION_ARENA_MODELS": "false",
        }
    )


def ask(
    client: Client, model: Any = "good", path: Any = COMPLETION_PATHS[0], **body: Any
) -> Response:
    return client.post(path, {"model": model, "messages": MESSAGES, **body})


#: A model that only its owner and administrators may use.
CLOSED = {
    "id": "closed",
    "base_model_id": "good",
    "name": "Closed",
    "meta": {},
    "params": {},
    "access_control": {},
}


def assert_works(client: Client) -> None:
    """Check that completions and the list of models still work."""
    assert ask(client, stream=True).body == b"".join(GOOD)
    assert client.get("/api/models").status == 200


# -- requests ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", COMPLETION_PATHS)
@pytest.mark.case("AB-37")
def test_bypass_switches_of_clients_are_ignored(
    admin: Client, user: Client, upstream: Upstream, path: str
) -> None:
    assert admin.post("/api/v1/models/create", CLOSED).status == 200
    query = "?bypass_filter=true&bypass_system_prompt=true&bypass_access_control=1"
    switches = {
        "bypass_filter": True,
        "metadata": {"bypass_filter": True},
        "__metadata__": {},
        "bypass_x": 1,
    }
    answer = ask(user, "closed", path + query, **switches)
    assert (answer.status, answer.detail) == (404, "Model not found")
    assert upstream.completions() == []
    assert ask(user, "good", path + query, **switches).status == 200
    assert set(upstream.completions()[0].json) == {"model", "stream", "messages"}


@pytest.mark.parametrize("path", COMPLETION_PATHS)
@pytest.mark.case("AB-38", "AB-40")
def test_forbidden_and_absent_model_get_the_same_response(
    admin: Client, user: Client, upstream: Upstream, path: str
) -> None:
    assert admin.post("/api/v1/models/create", CLOSED).status == 200
    forbidden, absent = ask(user, "closed", path), ask(user, "nowhere", path)
    assert (forbidden.status, forbidden.body) == (absent.status, absent.body) == (404, absent.body)
    assert upstream.completions() == []


@pytest.mark.case("AB-43")
def test_client_cannot_choose_the_upstream(user: Client, upstream: Upstream) -> None:
    overrides = {
        key: "http://127.0.0.1:9/v1"
        for key in (
            "api_base",
            "base_url",
            "api_key",
            "organization",
            "api_version",
            "api_type",
            "url",
        )
    } | {
        "headers": {"authorization": "x"},
        "extra_headers": {"authorization": "x"},
        "extra_body": {"model": "y"},
    }
    params = {**overrides, "custom_params": {**overrides, "model": "other", "messages": "[]"}}
    assert ask(user, **overrides, params=params).status == 200
    [request] = upstream.completions()
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.json == {"model": "good", "stream": False, "messages": MESSAGES}


@pytest.mark.case("AB-53")
def test_invalid_ids_are_422(user: Client, upstream: Upstream, subtests: pytest.Subtests) -> None:
    for key in ["chat_id", "id", "session_id", "parent_id"]:
        for value in [[], {}, 7, "../../etc", "a/b", "x" * 5000]:
            with subtests.test(key=key, value=str(value)[:16]):
                assert ask(user, **{key: value}).status == 422
                assert upstream.completions() == []


@pytest.mark.case("AB-53")
def test_temporary_chat_is_not_stored(user: Client) -> None:
    assert ask(user, chat_id="local:abc", id="m1").status == 200
    assert user.get("/api/v1/chats/").json == []


@pytest.mark.case("AB-53")
def test_foreign_chat_is_404_and_unchanged(admin: Client, user: Client, upstream: Upstream) -> None:
    history = {
        "messages": {"m1": {"id": "m1", "role": "user", "content": "mine"}},
        "currentId": "m1",
    }
    mine = admin.post("/api/v1/chats/new", {"chat": {"title": "Mine", "history": history}})
    assert mine.status == 200
    chat_id = mine.json["id"]
    before = admin.get(f"/api/v1/chats/{chat_id}").json
    for foreign in (chat_id, "b6d6e1f8-0000-4000-8000-000000000000"):
        answer = ask(user, chat_id=foreign, id="m1", parent_id="m0")
        assert answer.status == 404
        assert answer.detail == "We could not find what you're looking for :/"
    assert admin.get(f"/api/v1/chats/{chat_id}").json == before
    assert upstream.completions() == []


@pytest.mark.case("AB-53")
def test_reply_is_stored_with_its_message(user: Client) -> None:
    history = {"messages": {"m1": {"id": "m1", "role": "user", "content": "hi"}}, "currentId": "m1"}
    chat_id = user.post("/api/v1/chats/new", {"chat": {"title": "Mine", "history": history}}).json[
        "id"
    ]
    assert ask(user, chat_id=chat_id, id="m2", parent_id="m1").status == 200
    assert ask(user, "status-500", chat_id=chat_id, id="m3", parent_id="m1").status == 502
    messages = user.get(f"/api/v1/chats/{chat_id}").json["chat"]["history"]["messages"]
    assert messages["m1"]["content"] == "hi"
    assert (messages["m2"]["parentId"], messages["m2"]["model"]) == ("m1", "good")
    assert messages["m3"]["error"] == {
        "content": "The model source 'openai' answered with an error."
    }


@pytest.mark.case("AB-47")
def test_id_as_image_address_names_nothing_of_others(
    admin: Client, user: Client, upstream: Upstream
) -> None:
    history = {"messages": {"m1": {"id": "m1", "role": "user", "content": "secret"}}}
    chat_id = admin.post("/api/v1/chats/new", {"chat": {"title": "T", "history": history}}).json[
        "id"
    ]
    for address in (chat_id, f"/api/v1/files/{chat_id}/content", f"/api/v1/chats/{chat_id}"):
        content = [{"type": "image_url", "image_url": {"url": address}}]
        messages = [{"role": "user", "content": content}]
        answer = user.post("/api/chat/completions", {"model": "good", "messages": messages})
        names_a_file = not address.startswith("/api/v1/chats")
        assert answer.status in ((404,) if names_a_file else (200, 400))
        assert all(b"secret" not in request.body for request in upstream.completions())
        for request in upstream.completions():
            assert request.json["messages"][0]["content"][0]["image_url"] == {"url": address}
        assert not (names_a_file and upstream.completions())
        upstream.requests.clear()


# -- providers --------------------------------------------------------------------------------------------------


FAILURES = [
    ("status-401", 502),
    ("status-403", 502),
    ("status-500", 502),
    ("status-500-json", 502),
    ("status-502", 502),
    ("empty", 502),
    ("html", 502),
    ("error-first", 502),
    ("silent", 504),
    ("status-429", 429),
    ("status-400", 400),
    ("status-404", 404),
]


@pytest.mark.case("FT-19", "AB-44")
def test_provider_failures_map_to_statuses(
    user: Client, caplog: pytest.LogCaptureFixture, subtests: pytest.Subtests
) -> None:
    for model, status in FAILURES:
        with subtests.test(model):
            for stream in (True, False):
                if model == "error-first" and not stream:
                    continue
                answer = ask(user, model, stream=stream)
                assert answer.status == status
                assert answer.headers["content-type"] == "application/json"
                assert answer.headers.get("retry-after") == ("7" if status == 429 else None)
                assert "www-authenticate" not in answer.headers
                for secret in SECRETS:
                    assert secret not in answer.body.decode() and secret not in caplog.text
            assert_works(user)


#: The status of each refused stream, and the number of error events of each other stream, by model.
REFUSED_STATUSES = {
    "empty": 502, "html": 502, "not-a-completion": 502, "status-400": 400, "status-401": 502, "status-403": 502,
    "status-404": 404, "status-429": 429, "status-500": 502, "status-500-json": 502, "status-502": 502,
    "error-first": 502,
}  # fmt: skip
ERROR_EVENTS = {
    "silence": 1, "slow": 0, "cut": 1, "error-inside": 1, "broken-json": 1, "nul": 0, "invalid-utf-8": 0,
    "choices-null": 0, "delta-null": 0, "huge-line": 0, "crlf": 0, "comments": 0, "comments-only": 1, "no-done": 0,
    "two-dones": 0, "split": 0, "reasoning": 0, "tools": 0,
}  # fmt: skip


@pytest.mark.case("FT-18")
def test_every_provider_behaviour_is_covered() -> None:
    assert (
        REFUSED_STATUSES.keys() | ERROR_EVENTS.keys() | {"endless", "silent", "redirect", "steady"}
        == BEHAVIOURS.keys()
    )


@pytest.mark.case("FT-18")
def test_invalid_stream_is_refused(
    user: Client, caplog: pytest.LogCaptureFixture, subtests: pytest.Subtests
) -> None:
    for model, status in REFUSED_STATUSES.items():
        with subtests.test(model):
            answer = ask(user, model, stream=True)
            assert (answer.status, answer.headers["content-type"]) == (
                status,
                "application/json",
            )
            assert_no_secrets(answer, caplog)


@pytest.mark.case("FT-18")
def test_every_stream_ends_with_done(
    user: Client, caplog: pytest.LogCaptureFixture, subtests: pytest.Subtests
) -> None:
    for model, error_events in ERROR_EVENTS.items():
        with subtests.test(model):
            answer = ask(user, model, stream=True)
            assert (answer.status, answer.headers["content-type"]) == (200, "text/event-stream")
            assert answer.body.endswith(DONE)
            assert answer.body.count(b"[DONE]") == 1
            *documents, end = map(str, answer.events)
            assert end == "[DONE]"
            errors = [event for event in documents if "error" in json.loads(event)]
            assert len(errors) == error_events
            for event in documents:
                if event not in errors:
                    assert all(
                        choice["delta"] is not None for choice in json.loads(event)["choices"]
                    )
            assert_no_secrets(answer, caplog)


def assert_no_secrets(answer: Response, caplog: pytest.LogCaptureFixture) -> None:
    """Check that the response and the log contain no secret, and that no exception was unexpected."""
    for secret in SECRETS:
        assert secret not in answer.body.decode() and secret not in caplog.text
    assert "request failed" not in caplog.text


@pytest.mark.case("FT-17", "FT-20")
def test_interrupted_answer_ends_with_error_event(user: Client) -> None:
    for model, words in (("silence", "did not answer in time"), ("cut", "broke off its answer")):
        *_, error, end = ask(user, model, stream=True).events
        assert words in json.loads(error)["error"]["message"] and end == "[DONE]"
    assert_works(user)


@pytest.mark.case("FT-21")
def test_hanging_provider_does_not_delay_the_list(
    env: dict[str, str], complete_schema: Callable[[Application], None]
) -> None:
    with Upstream() as one, Upstream() as two, Upstream() as three:
        for number, upstream in enumerate((one, two, three)):
            upstream.models = [{"id": f"model-{number}"}]
        urls = {
            "OPENAI_API_BASE_URLS": f"{one.url};{two.url};{three.url}",
            "OPENAI_API_CONFIGS": "{}",
            "AIOHTTP_CLIENT_TIMEOUT_MODEL_LIST": "3",
        }
        app = InProcessApp(env | urls, complete_schema)
        try:
            admin = app.client.sign_up("Ada")
            everything = ["model-0", "model-1", "model-2"]
            assert [entry["id"] for entry in admin.get("/api/models").json["data"]] == everything
            two.listing = "hang"
            for path in ("/api/models?refresh=true", "/api/models", "/api/v1/models"):
                begun = time.monotonic()
                assert [entry["id"] for entry in admin.get(path).json["data"]] == everything
                assert time.monotonic() - begun < 2
            two.listing = "500"
            stale = [entry.get("stale", False) for entry in _refreshed(admin)]
            assert stale == [False, True, False]
            [reason] = [r for r in admin.get("/ready").json["reasons"] if r["plugin"] == "openai"]
            assert "openai-2 (stale)" in reason["reason"] and "127.0.0.1" not in reason["reason"]
            assert ask(admin, "model-1").status == 200
        finally:
            app.close()


def _refreshed(admin: Client) -> Any:
    """Return the list once every provider has answered; the request that hangs ends first."""
    deadline = time.monotonic() + 15
    while True:
        entries = admin.get("/api/models?refresh=true").json["data"]
        if any("stale" in entry for entry in entries) or time.monotonic() > deadline:
            return entries
        time.sleep(0.2)


@pytest.mark.case("FT-22")
def test_concurrent_requests_fetch_the_list_once(
    env: dict[str, str], upstream: Upstream, tmp_path: Any
) -> None:
    server = ServerProcess(env | {"OPENAI_API_CONFIGS": "{}"}, tmp_path).start()
    try:
        admin = server.client.sign_up("Ada")
        assert [entry["id"] for entry in admin.get("/api/models").json["data"]] == ["good"]
        before, begun = upstream.lists(), time.monotonic()
        with ThreadPoolExecutor(50) as pool:
            answers = list(pool.map(lambda _: admin.get("/api/models"), range(500)))
        assert {answer.status for answer in answers} == {200}
        # One request each time the cached list expired, none per request of a client.
        assert upstream.lists() - before <= time.monotonic() - begun + 1
    finally:
        server.kill()


# -- clients that disconnect, processes that stop ------------------------------------------------------------------------


def disconnect(url: str, token: str, model: str, wait_for: bytes = b"") -> None:
    """Request a stream, read until `wait_for`, disconnect."""
    parts = urllib.parse.urlsplit(url)
    body = json.dumps({"model": model, "messages": MESSAGES, "stream": True}).encode()
    with socket.create_connection(
        (parts.hostname or "", parts.port or 0), timeout=10
    ) as connection:
        connection.sendall(
            b"POST /api/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
            b"authorization: Bearer %b\r\ncontent-length: %d\r\n\r\n%b"
            % (token.encode(), len(body), body)
        )
        seen = b""
        while wait_for not in seen:
            block = connection.recv(65536)
            assert block, seen
            seen += block


@pytest.fixture
def one_connection(env: dict[str, str]) -> None:
    """A pool that cannot grow, so that every further handle is a leak."""
    env["DATABASE_POOL_SIZE"] = "1"


@pytest.mark.usefixtures("one_connection")
@pytest.mark.case("FT-23")
def test_disconnected_clients_end_their_calls(server: ServerProcess, upstream: Upstream) -> None:
    ada = server.client.sign_up("Ada")
    assert server.process is not None
    token = str(ada.token)
    assert_works(ada)

    def run_requests(times: int) -> None:
        """Run so many requests of each kind, and wait until no call is open."""
        with ThreadPoolExecutor(20) as pool:
            for model, wait_for in (("endless", b"more"), ("silence", b"first"), ("endless", b"")):
                request = partial(disconnect, server.url, token, model, wait_for)
                list(pool.map(lambda _, request=request: request(), range(times)))
        upstream.wait_until_idle()

    run_requests(100)  # fills the pools; from then on the number of handles must not grow
    before = _handles(server.process.pid)
    run_requests(250)
    deadline = time.monotonic() + 20
    while _handles(server.process.pid) > before + 3:
        assert time.monotonic() < deadline, "handles were leaked"
        time.sleep(0.01)
    assert_works(ada)
    assert "failed" not in server.log_text and "Traceback" not in server.log_text


def _handles(pid: int) -> int:
    """Return the number of open files of the workers of a server."""
    workers = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    assert workers
    return sum(len(list(Path(f"/proc/{worker}/fd").iterdir())) for worker in workers)


@pytest.mark.case("FT-03")
def test_sigterm_ends_streams_with_event(
    env: dict[str, str], upstream: Upstream, tmp_path: Any
) -> None:
    server = ServerProcess(env | {"PORTICO_SERVER_SHUTDOWN_TIMEOUT": "0.5"}, tmp_path).start()
    try:
        ada = server.client.sign_up("Ada")
        with ThreadPoolExecutor(1) as pool:
            answer = pool.submit(ask, ada, "endless", stream=True)
            while not upstream.open_calls:
                time.sleep(0.01)
            begun = time.monotonic()
            assert server.stop() == 0
            assert time.monotonic() - begun < 10
            *_, error, end = answer.result(5).events
        assert json.loads(error)["error"]["code"] == "interrupted" and end == "[DONE]"
        upstream.wait_until_idle()
    finally:
        server.kill()


def test_slow_reader_blocks_its_own_stream_only(server: ServerProcess, upstream: Upstream) -> None:
    """A client that reads nothing delays its own stream only."""
    ada = server.client.sign_up("Ada")
    parts = urllib.parse.urlsplit(server.url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port)
    body = json.dumps({"model": "huge-line", "messages": MESSAGES, "stream": True})
    headers = {"authorization": f"Bearer {ada.token}", "content-type": "application/json"}
    connection.request("POST", COMPLETION_PATHS[0], body, headers)
    assert_works(ada)
    answer = connection.getresponse()
    assert len(answer.read()) > 10_000_000
    connection.close()


def test_stream_is_not_buffered(env: dict[str, str], tmp_path: Path) -> None:
    server = ServerProcess(env | {"PORTICO_OPENAI_IDLE_TIMEOUT": "300"}, tmp_path).start()
    try:
        ada = server.client.sign_up("Ada")
        # The upstream sends nothing more until this client disconnects, which has a time-out of ten seconds.
        disconnect(server.url, str(ada.token), "silence", wait_for=chunk("first ").rstrip())
    finally:
        server.kill()
