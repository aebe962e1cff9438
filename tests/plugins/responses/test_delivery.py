"""How translated answers are delivered: as the client asked, whatever the source sends, and no longer than it listens."""

import http.client
import json
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.one_database import database_url  # noqa: F401 - a fixture
from tests.upstream import WORDS, Upstream

from portico.testing import Client, ServerProcess

SAID = "".join(WORDS)
FORMS: dict[str, Any] = {
    "/api/v1/responses": {"input": "hi"},
    "/api/v1/messages": {"max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]},
}
LAST = {"/api/v1/responses": "response.completed", "/api/v1/messages": "message_stop"}


@pytest.fixture
def env(env: dict[str, str], upstream: Upstream) -> dict[str, str]:
    return env | upstream.environment


@pytest.mark.parametrize("path", FORMS)
def test_events_are_made_of_an_answer_that_is_not_streamed(
    admin: Client, upstream: Upstream, path: str
) -> None:
    params = {"stream_response": False}
    form = {"id": "whole", "name": "W", "base_model_id": "good", "meta": {}, "params": params}
    assert admin.post("/api/v1/models/create", form).status == 200
    answer = admin.post(path, FORMS[path] | {"model": "whole", "stream": True})
    assert answer.headers["content-type"] == "text/event-stream"
    events = [json.loads(data) for data in answer.events]
    assert events[-1]["type"] == LAST[path] and SAID in answer.body.decode()
    assert upstream.completions()[-1].json["stream"] is False


@pytest.mark.parametrize("path", FORMS)
def test_answer_that_breaks_off_says_so_in_its_protocol(admin: Client, path: str) -> None:
    for model in ("cut", "error-inside"):
        answer = admin.post(path, FORMS[path] | {"model": model, "stream": True})
        last = json.loads(answer.events[-1])
        if path.endswith("messages"):
            assert (last["type"], last["error"]["type"]) == ("error", "api_error")
        else:
            assert last["type"] == "response.failed"
        assert b"10.1.2.3" not in answer.body and b"Traceback" not in answer.body


@pytest.mark.parametrize("path", FORMS)
def test_source_that_sends_no_answer_is_502(admin: Client, path: str) -> None:
    for model in ("html", "empty", "status-500", "error-first"):
        answer = admin.post(path, FORMS[path] | {"model": model, "stream": model == "error-first"})
        assert answer.status == 502 and "'openai'" in answer.json["error"]["message"], model


@pytest.mark.case("FT-23")
@pytest.mark.parametrize("path", FORMS)
def test_call_ends_when_the_client_leaves(
    server: ServerProcess, upstream: Upstream, path: str
) -> None:
    ada = server.client.sign_up("Ada")
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=20)
    body = json.dumps(FORMS[path] | {"model": "endless", "stream": True})
    headers = {"authorization": f"Bearer {ada.token}", "content-type": "application/json"}
    connection.request("POST", path, body, headers)
    response = connection.getresponse()
    assert response.status == 200 and response.read(200)
    upstream.wait_until_busy()
    response.close()
    connection.close()
    upstream.wait_until_idle()
