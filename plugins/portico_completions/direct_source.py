"""Models of the client itself: its browser calls the provider, and sends what it answers over its socket."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any, Final

import msgspec

from portico.api import AppContext, NotFound, SourceFailed, SourceTimedOut
from portico.api.db import new_id
from portico.api.models import EVENT_STREAM, ModelCard, SourceRequest, SourceResponse
from portico.api.sockets import CHAT_EVENT, chat_event
from portico_completions.request import CompletionRequest

#: Seconds that the browser has to begin its answer.
CALL_TIMEOUT_SECONDS: Final = 60.0
#: Seconds without a line after which the socket is checked.
CHECK_SECONDS: Final = 2.0
#: Lines that may wait to be read.
MAX_QUEUED_LINES: Final = 10_000
GONE: Final = "The browser that calls this model has disconnected."
NO_ANSWER: Final = "The browser that calls this model did not answer."
FLOODED: Final = "The browser that calls this model sends lines faster than they are read."


class _Acknowledgement(msgspec.Struct):
    status: Any = None
    error: Any = None
    choices: Any = None


class DirectSource:
    """The source of one request for a model that the client holds: calls the socket that the request names."""

    name = "direct"

    def __init__(self, app: AppContext, request: CompletionRequest) -> None:
        self._app = app
        self._chat_id, self._message_id = request.chat_id, request.message_id
        self._socket_id = request.session_id or ""
        self._model = request.model_item

    async def list_models(self) -> list[ModelCard]:
        """Return nothing: clients list these models themselves."""
        return []

    async def complete(self, completion: SourceRequest) -> SourceResponse:
        """Have the browser answer one request. Raises: SourceFailed, SourceTimedOut."""
        form = {**completion.body, **completion.params, "stream": completion.stream}
        channel = f"{completion.actor.id}:{self._socket_id}:{new_id()}"
        if not completion.stream:
            answer = await self._call(completion, form, channel)
            _check(answer)
            return SourceResponse(body=msgspec.json.encode(answer))
        lines: asyncio.Queue[msgspec.Raw] = asyncio.Queue(MAX_QUEUED_LINES)
        stack = AsyncExitStack()
        try:
            listening = self._app.sockets.listen(
                completion.actor.id, self._socket_id, channel, lambda line: _put(lines, line)
            )
            await stack.enter_async_context(listening)
            answer = await self._call(completion, form, channel)
            if _check(answer).status is not True:
                raise SourceFailed(NO_ANSWER)
        except NotFound:
            await stack.aclose()
            raise SourceFailed(GONE) from None
        except BaseException:
            await stack.aclose()
            raise
        return SourceResponse(
            body=self._stream(completion.actor.id, lines, stack), content_type=EVENT_STREAM
        )

    async def _call(self, completion: SourceRequest, form: Any, channel: str) -> Any:
        """Ask the browser, and return its acknowledgement. Raises: SourceFailed, SourceTimedOut."""
        data = {
            "form_data": form,
            "model": self._model,
            "channel": channel,
            "session_id": self._socket_id,
        }
        event = chat_event(self._chat_id, self._message_id, "request:chat:completion", data)
        try:
            return await self._app.sockets.call(
                completion.actor.id, self._socket_id, CHAT_EVENT, event, CALL_TIMEOUT_SECONDS
            )
        except NotFound:
            raise SourceFailed(GONE) from None
        except TimeoutError:
            raise SourceTimedOut(NO_ANSWER) from None
        except ValueError:  # an acknowledgement that is not JSON
            raise SourceFailed(NO_ANSWER) from None

    async def _stream(
        self, account_id: str, lines: "asyncio.Queue[msgspec.Raw]", stack: AsyncExitStack
    ) -> AsyncIterator[bytes]:
        async with stack:
            while True:
                try:
                    async with asyncio.timeout(CHECK_SECONDS):
                        payload = await lines.get()
                except TimeoutError:
                    if not self._app.sockets.is_connected(account_id, self._socket_id):
                        raise SourceFailed(GONE) from None
                    continue
                if lines.full():
                    raise SourceFailed(FLOODED)
                line = msgspec.json.decode(payload)
                if isinstance(line, dict):  # {"done": true}
                    return
                if isinstance(line, str) and line.strip():
                    yield line.strip().encode() + b"\n\n"


def _put(lines: "asyncio.Queue[msgspec.Raw]", line: msgspec.Raw) -> None:
    if not lines.full():  # the reader finds that it is, and ends the stream
        lines.put_nowait(line)


def _check(answer: Any) -> _Acknowledgement:
    """Return what a browser has acknowledged. Raises: SourceFailed for an error."""
    try:
        found = msgspec.convert(answer, _Acknowledgement)
    except msgspec.ValidationError:
        raise SourceFailed(NO_ANSWER) from None
    if found.error is not None:
        text = found.error.get("message") if isinstance(found.error, dict) else found.error
        raise SourceFailed(text if isinstance(text, str) and text else NO_ANSWER)
    return found
