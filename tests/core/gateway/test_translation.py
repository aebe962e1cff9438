"""Answers of chat completions that are translated, in whatever form they come."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from tests.upstream import GOOD, WORDS, completion

from portico.catalogue import EVENT_STREAM, SourceResponse
from portico.errors import DomainError, SourceFailed
from portico.gateway import ChatAnswer, TokenUsage, translated_response, translation


class Texts:
    """Translates an answer to its words."""

    def __init__(self) -> None:
        self.said = ""

    def begin(self) -> bytes:
        return b"<"

    def feed(self, answer: ChatAnswer) -> bytes:
        choice = answer.first
        piece = choice and (choice.delta or choice.message)
        text = piece.text if piece else ""
        self.said += text
        return text.encode()

    def end(self, usage: TokenUsage | None) -> bytes:
        return b">"

    def fail(self, error: DomainError) -> bytes:
        return b"!"

    def document(self) -> bytes:
        return self.said.encode()


class Blocks:
    """A stream that records whether it was closed."""

    def __init__(self, *blocks: bytes) -> None:
        self._blocks = iter(blocks)
        self.is_closed = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        for block in self._blocks:
            return block
        raise StopAsyncIteration

    async def aclose(self) -> None:
        self.is_closed = True


SAID = "".join(WORDS).encode()


def translated(body: bytes | Blocks, *, stream: bool) -> bytes:
    async def scenario() -> bytes:
        given = SourceResponse(body=body)
        response = await translated_response(given, Texts(), stream=stream)
        if isinstance(response.body, bytes):
            return response.body
        assert response.content_type == EVENT_STREAM
        return b"".join([block async for block in response.body])

    return asyncio.run(scenario())


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("is_whole", [True, False])
def test_client_gets_the_form_that_it_asked_for(stream: bool, is_whole: bool) -> None:
    expected = b"<" + SAID + b">" if stream else SAID
    assert translated(completion() if is_whole else Blocks(*GOOD), stream=stream) == expected


@pytest.mark.parametrize("body", [b"null", b"[]", b"{}", b'{"choices":[]}', b"\xff"])
def test_answer_that_cannot_be_read_fails(body: bytes) -> None:
    for stream in (True, False):
        with pytest.raises(SourceFailed):
            translated(body, stream=stream)


def test_endless_answer_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(translation, "MAX_STREAM_BYTES", 400)
    blocks = Blocks(*GOOD)
    assert translated(blocks, stream=True).endswith(b"!")
    collected = Blocks(*GOOD)
    with pytest.raises(SourceFailed, match="too long"):
        translated(collected, stream=False)
    assert collected.is_closed


def test_refusal_of_the_source_stays_as_it_is() -> None:
    async def scenario() -> None:
        refusal = SourceResponse(body=b'{"error":{"message":"no"}}', status=400)
        assert await translated_response(refusal, Texts(), stream=True) is refusal

    asyncio.run(scenario())
