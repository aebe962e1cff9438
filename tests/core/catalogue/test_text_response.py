"""Words as OpenAI's clients expect them."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import msgspec
from tests.core.catalogue.factories import actor

from portico.catalogue import SourceRequest, text_response


def turn(stream: bool) -> SourceRequest:
    return SourceRequest(
        model="m", body={"model": msgspec.Raw(b'"m"')}, params={}, stream=stream, actor=actor()
    )


async def words() -> AsyncIterator[str]:
    yield "Grüß "
    yield ""
    yield "Gott"


def test_whole_response_is_a_completion() -> None:
    reply = asyncio.run(text_response(turn(False), words()))
    assert isinstance(reply.body, bytes)
    document = json.loads(reply.body)
    assert document["object"] == "chat.completion" and document["model"] == "m"
    assert document["choices"][0]["message"] == {"role": "assistant", "content": "Grüß Gott"}


def test_stream_has_role_texts_stop_and_done() -> None:
    async def blocks() -> list[bytes]:
        reply = await text_response(turn(True), words())
        assert reply.content_type == "text/event-stream" and not isinstance(reply.body, bytes)
        return [block async for block in reply.body]

    *events, done = b"".join(asyncio.run(blocks())).decode().removesuffix("\n\n").split("\n\n")
    assert done == "data: [DONE]"
    choices: list[Any] = [json.loads(event[6:])["choices"][0] for event in events]
    assert [choice["delta"] for choice in choices] == [
        {"role": "assistant", "content": ""},
        {"content": "Grüß "},
        {"content": "Gott"},
        {},
    ]
    assert [choice["finish_reason"] for choice in choices] == [None, None, None, "stop"]


def test_closing_the_stream_closes_the_texts() -> None:
    closed = []

    async def endless() -> AsyncIterator[str]:
        try:
            while True:
                yield "x"
        finally:
            closed.append(True)

    async def leave() -> None:
        reply = await text_response(turn(True), endless())
        stream: Any = reply.body
        await anext(stream)
        await anext(stream)
        await stream.aclose()

    asyncio.run(leave())
    assert closed
