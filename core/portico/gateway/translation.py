"""Answers of chat completions, translated to the protocol of another endpoint, whole or event by event."""

from collections.abc import AsyncIterator
from typing import Final, Protocol

from portico.catalogue import EVENT_STREAM, SourceResponse, close_body, error_in
from portico.errors import DomainError, SourceFailed
from portico.gateway.call import TokenUsage
from portico.gateway.chat_answers import ChatAnswer, ChatAnswerReader

UNREADABLE: Final = "The model source sent a response that cannot be read."
TOO_LONG: Final = "The answer is too long to be translated."
#: Bytes of a streamed answer: its text is kept until its end, which events repeat.
MAX_STREAM_BYTES: Final = 128 * 1024 * 1024


class AnswerTranslator(Protocol):
    """Translates one answer. Its methods run on the event loop, once for each chunk, and return what the client is sent."""

    def begin(self) -> bytes:
        """Return the events before the first chunk."""
        ...

    def feed(self, answer: ChatAnswer) -> bytes:
        """Return the events for a chunk, or for a whole completion."""
        ...

    def end(self, usage: TokenUsage | None) -> bytes:
        """Return the events after the last chunk. `usage`: None = the source reported none."""
        ...

    def fail(self, error: DomainError) -> bytes:
        """Return the events that end an answer that broke off; nothing = as the route ends it."""
        ...

    def document(self) -> bytes:
        """Return the whole answer, after `end`."""
        ...


async def translated_response(
    response: SourceResponse, translator: AnswerTranslator, *, stream: bool
) -> SourceResponse:
    """Return the translated response of a chat completion. `stream`: whether the client asked for events.

    It need not be what the source sent. Errors of providers stay as they are. Raises: SourceFailed for an answer that
    cannot be read; what the source raises within its answer.
    """
    if error_in(response) is not None:
        return response
    if stream and not isinstance(response.body, bytes):
        return SourceResponse(
            body=TranslatedStream(response.body, translator),
            content_type=EVENT_STREAM,
            headers=response.headers,
        )
    reader = ChatAnswerReader()
    if isinstance(response.body, bytes):
        answer = reader.read(response.body)
        if answer is None or answer.first is None:
            raise SourceFailed(UNREADABLE)
        events = translator.begin() + translator.feed(answer) + translator.end(reader.usage)
    else:  # of a source that streams in any case
        events = b""
        await _collect(response.body, reader, translator)
        translator.end(reader.usage)
    if stream:
        return SourceResponse(
            body=_once(events), content_type=EVENT_STREAM, headers=response.headers
        )
    return SourceResponse(body=translator.document(), headers=response.headers)


async def _collect(
    body: AsyncIterator[bytes], reader: ChatAnswerReader, translator: AnswerTranslator
) -> None:
    size = 0
    try:
        async for block in body:
            size += len(block)
            if size > MAX_STREAM_BYTES:
                raise SourceFailed(TOO_LONG)
            for answer in reader.feed(block):
                translator.feed(answer)
    finally:
        await close_body(body)


async def _once(block: bytes) -> AsyncIterator[bytes]:
    yield block


class TranslatedStream:
    """Async iterator of the translated events. `body`: the chunks of a chat completion.

    Not a generator: closing a generator that never started would not close what it reads.
    """

    def __init__(self, body: AsyncIterator[bytes], translator: AnswerTranslator) -> None:
        self._body, self._translator = body, translator
        self._reader = ChatAnswerReader()
        self._has_begun = self._has_ended = False
        self._bytes = 0

    def __aiter__(self) -> "TranslatedStream":
        return self

    async def __anext__(self) -> bytes:
        if not self._has_begun:
            self._has_begun = True
            return self._translator.begin()
        if self._has_ended:
            raise StopAsyncIteration
        try:
            while True:
                block = await self._body.__anext__()
                self._bytes += len(block)
                if self._bytes > MAX_STREAM_BYTES:
                    raise SourceFailed(TOO_LONG)
                events = b"".join(map(self._translator.feed, self._reader.feed(block)))
                if events:
                    return events
        except StopAsyncIteration:
            self._has_ended = True
            return self._translator.end(self._reader.usage)
        except DomainError as error:
            self._has_ended = True
            if last := self._translator.fail(error):
                return last
            raise

    async def aclose(self) -> None:
        """Close what it reads. Called when the client disconnects, and at the end."""
        self._has_ended = True
        await close_body(self._body)
