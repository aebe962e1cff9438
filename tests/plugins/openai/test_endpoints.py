"""The endpoints of a provider: their paths, how requests authenticate there, and answers that pass through."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from tests.one_database import database_url  # noqa: F401 - a fixture
from tests.plugins.openai.requests import complete, settings, with_source
from tests.source_calls import source_request
from tests.upstream import Connection, Received, Upstream

from portico.api import SourceFailed, SourceTimedOut
from portico.api.models import Operation, SourceRequest
from portico.api.sources import OutgoingHTTP
from portico_openai.connection import connections
from portico_openai.model_list import cards, fixed_listing
from portico_openai.source import OpenAISource

EMBEDDINGS = b'{"object": "list",  "data": [{"embedding": [0.25], "index": 0}]}'
RESPONSE = b'{"id": "r1",  "object": "response", "output": [], "error": null}'
MESSAGE = b'{"id": "m1",  "type": "message", "content": []}'
RESPONSE_EVENTS = [
    b'event: response.created\ndata: {"type":"response.created","response":{"error":null}}\n\n',
    b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","delta":"\xc3\xa4n error"}\n\n',
    b'event: response.completed\ndata: {"type":"response.completed","response":{}}\n\n',
]
MESSAGE_EVENTS = [
    b'event: message_start\ndata: {"type":"message_start","message":{}}\n\n',
    b'event: ping\ndata: {"type":"ping"}\n\n',
    b'event: content_block_delta\ndata: {"type":"content_block_delta","delta":{"type":"text_delta","text":"hi"}}\n\n',
    b'event: message_stop\ndata: {"type":"message_stop"}\n\n',
]
FAILURE = b'event: error\ndata: {"type":"error","error":{"message":"sk-secret at 10.1.2.3"}}\n\n'


class Provider(Upstream):
    """A provider whose endpoints answer as `whole` and `streams` say, by the end of their path."""

    whole: dict[str, bytes] = {
        "embeddings": EMBEDDINGS,
        "responses": RESPONSE,
        "messages": MESSAGE,
    }
    streams: dict[str, list[bytes]] = {}

    async def _respond(self, connection: Connection, request: Received) -> None:
        endpoint = request.path.partition("?")[0].rpartition("/")[2]
        if endpoint in self.streams and request.json.get("stream"):
            await connection.stream(*self.streams[endpoint])
        elif endpoint in self.whole:
            await connection.answer(self.whole[endpoint])
        else:
            await super()._respond(connection, request)


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider() as running:
        running.streams = {"responses": RESPONSE_EVENTS, "messages": MESSAGE_EVENTS}
        yield running


def request(
    operation: Operation, *, stream: bool = False, params: Any = None, **body: Any
) -> SourceRequest:
    made = source_request("good", stream=stream, params=params)
    raw = {key: msgspec.Raw(msgspec.json.encode(value)) for key, value in body.items()}
    return msgspec.structs.replace(made, operation=operation, body=raw)


@pytest.mark.parametrize(
    ("operation", "answer"),
    [("embeddings", EMBEDDINGS), ("responses", RESPONSE), ("messages", MESSAGE)],
)
def test_whole_answer_passes_byte_for_byte(
    provider: Provider, operation: Operation, answer: bytes
) -> None:
    reply, body = complete(settings(provider.url), request(operation, input="hi"))
    assert (reply.status, body) == (200, answer)
    [sent] = provider.requests
    assert sent.path == f"/v1/{operation}"
    assert sent.json == {"model": "good", "input": "hi"}


@pytest.mark.parametrize(
    ("operation", "events"), [("responses", RESPONSE_EVENTS), ("messages", MESSAGE_EVENTS)]
)
def test_stream_passes_byte_for_byte_without_the_end_of_chats(
    provider: Provider, operation: Operation, events: list[bytes]
) -> None:
    for parts in (events, [b"".join(events)], [bytes([one]) for one in b"".join(events)]):
        provider.streams[operation] = parts
        reply, body = complete(settings(provider.url), request(operation, stream=True))
        assert (reply.content_type, body) == ("text/event-stream", b"".join(events))
    assert provider.requests[-1].json["stream"] is True


@pytest.mark.case("AB-44")
@pytest.mark.parametrize("operation", ["responses", "messages"])
def test_error_in_a_stream_is_ours_after_all_valid_events(
    provider: Provider, operation: Operation
) -> None:
    provider.streams[operation] = [MESSAGE_EVENTS[0] + FAILURE]
    _, body = complete(settings(provider.url), request(operation, stream=True))
    assert body.startswith(MESSAGE_EVENTS[0]) and b"The model source 'openai'" in body
    assert b"secret" not in body and b"10.1.2.3" not in body
    provider.streams[operation] = [FAILURE]
    with pytest.raises(SourceFailed):
        complete(settings(provider.url), request(operation, stream=True))


@pytest.mark.case("FT-18")
def test_stream_without_its_last_event_was_interrupted(provider: Provider) -> None:
    provider.streams["responses"] = RESPONSE_EVENTS[:2]
    _, body = complete(settings(provider.url), request("responses", stream=True))
    assert body.startswith(b"".join(RESPONSE_EVENTS[:2])) and b"broke off" in body


def test_unreadable_event_of_a_stream_is_left_out(provider: Provider) -> None:
    provider.streams["responses"] = [RESPONSE_EVENTS[0], b"data: \xff\n\n", RESPONSE_EVENTS[2]]
    _, body = complete(settings(provider.url), request("responses", stream=True))
    assert body.startswith(RESPONSE_EVENTS[0] + RESPONSE_EVENTS[2]) and b"missing" in body


def test_answer_that_is_none_fails(provider: Provider) -> None:
    provider.whole = dict.fromkeys(("embeddings", "responses", "messages"), b'{"error": "sk-1"}')
    operations: list[Operation] = ["embeddings", "responses", "messages"]
    for operation in operations:
        with pytest.raises(SourceFailed) as failure:
            complete(settings(provider.url), request(operation))
        assert "sk-1" not in failure.value.detail


def test_parameters_of_the_model_have_the_names_of_the_endpoint(provider: Provider) -> None:
    params = {"max_tokens": 5, "stop": ["x"], "seed": 1, "reasoning_effort": "low", "top_p": 0.5}
    wanted: dict[Operation, Any] = {
        "embeddings": {},
        "responses": {
            "max_output_tokens": 5,
            "reasoning": {"summary": "auto", "effort": "low"},
            "top_p": 0.5,
        },
        "messages": {"max_tokens": 5, "stop_sequences": ["x"], "top_p": 0.5},
    }
    for operation, expected in wanted.items():
        body = {"reasoning": {"summary": "auto"}} if operation == "responses" else {}
        complete(settings(provider.url), request(operation, params=params, **body, api_key="x"))
        assert provider.requests[-1].json == {"model": "good", **expected}


def test_messages_authenticate_as_anthropic_and_other_providers_do(provider: Provider) -> None:
    complete(settings(provider.url, key="sk-1"), request("messages"))
    headers = provider.requests[-1].headers
    assert headers["x-api-key"] == "sk-1" and headers["anthropic-version"] == "2023-06-01"
    assert headers["authorization"] == "Bearer sk-1"
    complete(settings(provider.url.removesuffix("/v1")), request("messages"))
    assert provider.requests[-1].path == "/v1/messages"


class TestAzure:
    """Azure OpenAI: deployments in paths, the version of the API, a header of its own."""

    def options(self, **more: Any) -> dict[str, Any]:
        return {"azure": True, "model_ids": ["good"], **more}

    def test_request_goes_to_the_deployment(self, provider: Provider) -> None:
        url = provider.url.removesuffix("/v1")
        given = settings(
            url, key="sk-azure", options=self.options(api_version="2024-10-21", prefix_id="az")
        )
        complete(given, msgspec.structs.replace(source_request("good"), model="az.good"))
        sent = provider.requests[-1]
        assert sent.path == "/openai/deployments/good/chat/completions?api-version=2024-10-21"
        assert sent.headers["api-key"] == "sk-azure" and "authorization" not in sent.headers
        complete(given, msgspec.structs.replace(request("embeddings"), model="az.good"))
        assert provider.requests[-1].path == (
            "/openai/deployments/good/embeddings?api-version=2024-10-21"
        )
        complete(given, msgspec.structs.replace(request("responses"), model="az.good"))
        assert provider.requests[-1].path == "/openai/responses?api-version=2024-10-21"

    def test_newest_api_of_azure_has_the_paths_of_openai(self, provider: Provider) -> None:
        url = provider.url.removesuffix("/v1") + "/openai/v1"
        body = {"top_k": 3, "max_completion_tokens": 5}
        complete(
            settings(url, key="sk-azure", options=self.options()), source_request("good", **body)
        )
        sent = provider.requests[-1]
        assert sent.path == "/openai/v1/chat/completions" and sent.headers["api-key"] == "sk-azure"
        assert body.items() <= sent.json.items()

    def test_keys_that_azure_refuses_are_left_out(self, provider: Provider) -> None:
        url = provider.url.removesuffix("/v1")
        body = {"stream_options": {"include_usage": True}, "temperature": 0.5, "top_k": 3}
        complete(settings(url, options=self.options()), source_request("good", **body))
        assert provider.requests[-1].json.keys() == {"model", "stream", "messages", "temperature"}
        newer = self.options(api_version="2024-10-21")
        complete(settings(url, options=newer), source_request("good", **body))
        assert "stream_options" in provider.requests[-1].json
        assert "api-version=2023-03-15-preview" in provider.requests[-2].path


def test_limits_of_a_connection_override_those_of_all(provider: Provider) -> None:
    provider.listing = "hang"
    given = settings(provider.url, list_timeout=60, options={"list_timeout": 0.1})
    with pytest.raises(SourceTimedOut):
        with_source(given, OpenAISource.list_models)


def test_source_tells_the_router_what_its_connection_says(provider: Provider) -> None:
    options = {"weight": 2.5, "order": 1, "operations": ["chat", "messages"]}
    [connection] = connections(settings(provider.url, options=options))
    source = OpenAISource(connection, settings(provider.url), OutgoingHTTP())
    assert (source.weight, source.order) == (2.5, 1)
    assert source.operations == {"chat", "messages"}
    [other] = connections(settings("https://api.anthropic.com/v1"))
    assert other.operations == {"chat", "messages"}
    [other] = connections(settings(provider.url))
    assert other.operations == {"chat", "embeddings"}


def test_named_models_of_openai_may_be_other_than_chats() -> None:
    given = settings("https://api.openai.com/v1", options={"model_ids": ["text-embedding-3-small"]})
    [connection] = connections(given)
    listing = fixed_listing(connection.options.model_ids)
    assert [card.id for card in cards(connection, listing)] == ["text-embedding-3-small"]
    assert connection.operations == {"chat", "embeddings", "responses"}
