"""What the gateway reads of the usage in answers, of each kind of provider, however the bytes arrive."""

import json
from typing import Any

import msgspec
import pytest

from portico.api.auth import Actor
from portico.api.models import Operation, ResolvedModel, SourceRequest, TokenUsage
from portico.gateway import GatewayCall
from portico.gateway.usage_reader import UsageReader

USER = Actor("u", "u@x.y", "U", "user", "", "s")
TARGET = ResolvedModel(id="m", name="m", sources=(), model="m")


def reader(operation: Operation = "chat", **body: Any) -> UsageReader:
    request = SourceRequest(
        model="m",
        body={key: msgspec.Raw(json.dumps(value).encode()) for key, value in body.items()},
        params={},
        stream=True,
        actor=USER,
        operation=operation,
    )
    return UsageReader(GatewayCall(id="c", target=TARGET, request=request))


def event(**document: Any) -> bytes:
    return b"data: " + json.dumps(document).encode() + b"\n\n"


def text_event(text: str, **more: Any) -> bytes:
    return event(id="c1", choices=[{"index": 0, "delta": {"content": text}}], **more)


CHAT = {
    "prompt_tokens": 100,
    "completion_tokens": 20,
    "total_tokens": 120,
    "prompt_tokens_details": {"cached_tokens": 60},
    "completion_tokens_details": {"reasoning_tokens": 7},
}
READ = TokenUsage(input_tokens=100, output_tokens=20, cached_tokens=60, reasoning_tokens=7)
RESPONSES = {
    "input_tokens": 100,
    "output_tokens": 20,
    "input_tokens_details": {"cached_tokens": 60},
    "output_tokens_details": {"reasoning_tokens": 7},
}
DONE = b"data: [DONE]\n\n"

STREAMS: dict[str, tuple[Operation, list[bytes], TokenUsage]] = {
    "openai": (
        "chat",
        [text_event("a", usage=None), event(choices=[], usage=CHAT), DONE],
        READ,
    ),
    "usage in every chunk": (
        "chat",
        [text_event("a", usage={**CHAT, "completion_tokens": n}) for n in (1, 2, 20)],
        READ,
    ),
    "null after it": (
        "chat",
        [event(choices=[], usage=CHAT), text_event("", usage=None), DONE],
        READ,
    ),
    "in a choice": ("chat", [event(choices=[{"index": 0, "delta": {}, "usage": CHAT}])], READ),
    "llama.cpp": (
        "chat",
        [
            text_event("a"),
            event(choices=[], timings={"prompt_n": 40, "cache_n": 60, "predicted_n": 20}),
        ],
        TokenUsage(input_tokens=100, output_tokens=20, cached_tokens=60),
    ),
    "xai counts reasoning apart": (
        "chat",
        [event(choices=[], usage={**CHAT, "completion_tokens": 13})],
        READ,
    ),
    "deepseek": (
        "chat",
        [event(usage={"prompt_tokens": 9, "completion_tokens": 2, "prompt_cache_hit_tokens": 5})],
        TokenUsage(input_tokens=9, output_tokens=2, cached_tokens=5),
    ),
    "responses": (
        "responses",
        [
            event(
                type="response.created",
                response={"usage": None, "tools": [{"p": {"usage": {"type": "object"}}}]},
            ),
            event(
                type="response.completed", response={"tools": [{"usage": {}}], "usage": RESPONSES}
            ),
        ],
        READ,
    ),
    "messages": (
        "messages",
        [
            event(
                type="message_start",
                message={
                    "usage": {
                        "input_tokens": 30,
                        "cache_read_input_tokens": 60,
                        "cache_creation_input_tokens": 10,
                        "output_tokens": 1,
                    }
                },
            ),
            *[event(type="content_block_delta", delta={"text": "a"})] * 50,
            event(type="message_delta", usage={"output_tokens": 8}),
            event(type="message_delta", usage={"output_tokens": 20}),
            event(type="message_stop"),
        ],
        TokenUsage(input_tokens=100, output_tokens=20, cached_tokens=60),
    ),
    "ollama": (
        "chat",
        [
            b'{"message":{"content":"a"},"done":false}\n',
            b'{"done":true,"prompt_eval_count":100,"eval_count":20}\n',
        ],
        TokenUsage(input_tokens=100, output_tokens=20),
    ),
    "text about usage": (
        "chat",
        [
            event(choices=[], usage=CHAT),
            text_event('"usage": {"prompt_tokens": 5000}, "eval_count": 9'),
            text_event("usage"),
            event(
                choices=[
                    {
                        "delta": {
                            "tool_calls": [
                                {"function": {"arguments": {"usage": {"prompt_tokens": 1}}}}
                            ]
                        }
                    }
                ]
            ),
            DONE,
        ],
        READ,
    ),
    "not numbers": (
        "chat",
        [
            event(
                usage={"prompt_tokens": "many", "completion_tokens": 3, "prompt_tokens_details": []}
            )
        ],
        TokenUsage(output_tokens=3),
    ),
    "hostile numbers": (
        "chat",
        [event(usage={"prompt_tokens": -5, "completion_tokens": 1e300, "total_tokens": True})],
        TokenUsage(output_tokens=10**9),
    ),
}


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("size", [0, 7, 1])
def test_usage_of_a_stream_is_that_of_its_provider(name: str, size: int) -> None:
    operation, blocks, expected = STREAMS[name]
    one = reader(operation)
    whole = b"".join(blocks)
    for block in [whole[at : at + size] for at in range(0, len(whole), size)] if size else blocks:
        one.feed(block)
    assert one.usage() == expected


@pytest.mark.parametrize(
    ("operation", "document", "expected"),
    [
        ("chat", {"choices": [{"message": {"content": '"usage": {'}}], "usage": CHAT}, READ),
        ("responses", {"output": [], "usage": RESPONSES}, READ),
        (
            "embeddings",
            {
                "data": [{"embedding": [0.5] * 200_000}],
                "usage": {"prompt_tokens": 8, "total_tokens": 8},
            },
            TokenUsage(input_tokens=8),
        ),
        (
            "embeddings",
            {"usage": {"prompt_tokens": 8}, "data": [[0.5] * 200_000]},
            TokenUsage(input_tokens=8),
        ),
        (
            "chat",
            {"prompt_eval_count": 3, "eval_count": 4},
            TokenUsage(input_tokens=3, output_tokens=4),
        ),
    ],
)
def test_usage_of_an_answer_that_is_not_streamed(
    operation: Operation, document: dict[str, Any], expected: TokenUsage
) -> None:
    one = reader(operation)
    one.feed_whole(json.dumps(document).encode())
    assert one.usage() == expected


def test_usage_is_estimated_from_the_text_without_frames_and_images() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 100_000}}
    one = reader(
        messages=[{"role": "user", "content": [{"type": "text", "text": "word " * 80}, image]}]
    )
    one.feed(text_event("", system_fingerprint="f" * 500))
    for _ in range(100):
        one.feed(text_event("four", system_fingerprint="f" * 500))
    one.feed(DONE)
    usage = one.usage()
    assert usage.is_estimated
    assert 80 <= usage.output_tokens <= 120
    assert 800 <= usage.input_tokens <= 1000


@pytest.mark.parametrize(
    ("body", "least", "most"),
    [
        ({"choices": [{"message": {"role": "assistant", "content": "four" * 100}}]}, 95, 115),
        ({"choices": None}, 0, 0),
        ([], 0, 0),
    ],
)
def test_output_of_a_whole_answer_is_estimated(body: Any, least: int, most: int) -> None:
    one = reader(messages=[])
    one.feed_whole(json.dumps(body).encode())
    assert least <= one.usage().output_tokens <= most


def test_usage_of_all_zeros_is_not_believed() -> None:
    one = reader(messages=[{"role": "user", "content": "hello there"}])
    one.feed(text_event("hello"))
    one.feed(event(choices=[], usage={"prompt_tokens": 0, "completion_tokens": 0}))
    assert one.usage().is_estimated and one.usage().input_tokens > 0


@pytest.mark.parametrize(
    ("last", "has_ended"),
    [
        (DONE, True),
        (b"data:[DONE]\n\n", True),
        (event(type="message_stop"), True),
        (b'event: response.completed\ndata: {"type":"response.completed"}\n\n', True),
        (b'{"done": true}\n', True),
        (b"data: [DONE]", True),
        (text_event('data: [DONE] is the end, as is "type": "message_stop"'), False),
        (b": comment\n\n", False),
    ],
)
def test_end_of_a_stream_is_seen_in_its_last_block(last: bytes, has_ended: bool) -> None:
    one = reader()
    one.feed(text_event("a"))
    one.feed(last)
    assert one.has_ended is has_ended
