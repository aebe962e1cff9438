"""Streaming responses: sends what a model source returns, and ends the stream in order however it ends.

Blocks are sent by the request's own task, one `send` for each. If it takes longer than WATCH_DELAY_SECONDS, one more
task waits for the client to disconnect.
"""

import asyncio
import contextlib
from collections.abc import Awaitable
from typing import Any

import msgspec
from litestar import Request
from litestar.types import Receive, Scope, Send

from portico.catalogue.response_error import error_in
from portico.catalogue.source import EVENT_STREAM, JSON_MEDIA_TYPE, SourceResponse, close_body
from portico.errors import INVALID_TOKEN, DomainError, Unauthenticated, Unavailable
from portico.identity import Actor, LiveConnections
from portico.plugin_errors.plugin_exit import is_failure
from portico.web.counters import Counters
from portico.web.drain import Drain
from portico.web.error_format import (
    ErrorFormat,
    error_body,
    error_event,
    error_format,
    error_line,
)
from portico.web.errors import note_failure, status_of
from portico.web.middleware.slow_readers import ClientStalled
from portico.web.response.json_response import NO_STORE, Headers

#: Seconds before the client is watched: a faster response does not need the task.
WATCH_DELAY_SECONDS = 0.1

#: Seconds that a client has to read the last event of a stream whose session was revoked.
FINAL_SEND_SECONDS = 1.0

#: Seconds that a block which is being sent delays the end of a stream.
SEND_DELAY_SECONDS = 0.25

#: Media type of streams of JSON lines, as Ollama sends them.
JSON_LINES = "application/x-ndjson"
SHUTDOWN_MESSAGE = "The server is shutting down."
INTERRUPTED_MESSAGE = "The answer broke off."

#: The only headers of a model source that are passed on to the client.
FORWARDED_SOURCE_HEADERS = frozenset({"retry-after", "x-request-id"})


def stream_response(
    request: Request[Any, Any, Any],
    reply: SourceResponse | Awaitable[SourceResponse],
    headers: Headers = (),
) -> "StreamResponse":
    """Return the response that sends a source's reply to the client, whole or as a stream. Handlers return it.

    `headers`: the handler's own, sent as they are; of the source's only a few are passed on.

    `reply` may be an awaitable: it is awaited when the response is sent, and cancelled if the client disconnects
    first. An error it raises before the first byte is answered like one that a handler raises. Raises, when it is
    sent: Unauthenticated if the session was revoked, Unavailable if the server stops, both before the first byte.
    """
    state = request.app.state
    return StreamResponse(
        reply,
        getattr(state, "drain", None),
        headers,
        live_connections=getattr(state, "live_connections", None),
        counters=getattr(state, "counters", None),
        errors=error_format(request.scope),
    )


class StreamResponse:
    """Sends a `SourceResponse` to the client: an ASGI application that is called once."""

    def __init__(
        self,
        reply: SourceResponse | Awaitable[SourceResponse],
        drain: Drain | None = None,
        headers: Headers = (),
        live_connections: LiveConnections | None = None,
        *,
        counters: Counters | None = None,
        errors: ErrorFormat | None = None,
    ) -> None:
        self._reply, self._counters = reply, counters
        self._errors: ErrorFormat | None = errors
        self._live_connections = live_connections
        self._drain = drain
        self._headers = tuple(headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the reply until it ends, the client disconnects, the session is revoked or the process stops.

        Called by Litestar.
        """
        watcher = _DisconnectWatcher(receive)
        reply: SourceResponse | None = None
        actor = scope.get("user")
        try:
            self._watch(actor, watcher)
            reply = self._reply if isinstance(self._reply, SourceResponse) else await self._reply
            reply = self._with_error(reply)
            await send(_start(reply, self._headers))
            await self._send_body(reply, send, scope, watcher)
        except asyncio.CancelledError:
            if watcher.was_cancelled_by("stopping"):
                if reply is None:
                    raise Unavailable from None
                await self._end(send, reply, 503, SHUTDOWN_MESSAGE, "interrupted")
            elif watcher.was_cancelled_by("revoked"):
                await self._end_revoked(send, reply)
            elif not watcher.was_cancelled_by("disconnected"):
                raise
        finally:
            self._end_watch(actor, watcher)
            watcher.close()
            await close_body(reply and reply.body)

    def _watch(self, actor: Actor | None, watcher: "_DisconnectWatcher") -> None:
        """Count the response as open, and have it cancelled when it must end."""
        if self._counters is not None:
            self._counters.open_streams += 1
        if self._live_connections is not None and actor is not None:
            self._live_connections.add(actor, watcher.on_revoked)
        if self._drain is not None:
            self._drain.add(watcher.on_shutdown)

    def _end_watch(self, actor: Actor | None, watcher: "_DisconnectWatcher") -> None:
        if self._counters is not None:
            self._counters.open_streams -= 1
            self._counters.ended_streams[watcher.reason or "sent"] += 1
        if self._live_connections is not None and actor is not None:
            self._live_connections.discard(actor, watcher.on_revoked)
        if self._drain is not None:
            self._drain.discard(watcher.on_shutdown)

    async def _end_revoked(self, send: Send, reply: SourceResponse | None) -> None:
        """End a stream whose session was revoked: the request to the source first, then the stream.

        The client has FINAL_SEND_SECONDS to read the last event.
        """
        if reply is None:
            raise Unauthenticated(INVALID_TOKEN)
        await close_body(reply and reply.body)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FINAL_SEND_SECONDS):
                await self._end(send, reply, 401, INVALID_TOKEN, "session_revoked")

    async def _send_body(
        self, reply: SourceResponse, send: Send, scope: Scope, watcher: "_DisconnectWatcher"
    ) -> None:
        if isinstance(reply.body, bytes):
            await send({"type": "http.response.body", "body": reply.body, "more_body": False})
            return
        try:
            async for block in reply.body:
                watcher.is_sending = True
                await send({"type": "http.response.body", "body": block, "more_body": True})
                watcher.is_sending = False
                if watcher.delayed:
                    watcher.cancel(watcher.delayed)
        except DomainError as refusal:
            await self._end(send, reply, status_of(refusal), refusal.detail, refusal.code)
        except ClientStalled:
            raise  # the client would not read the last event either
        except BaseException as error:  # the stream has begun, so no outer layer can answer
            if not is_failure(error):
                raise
            note_failure(error, scope, self._counters)
            await self._end(send, reply, 500, INTERRUPTED_MESSAGE, "interrupted")
        else:
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _end(
        self, send: Send, reply: SourceResponse, status: int, message: str, code: str | None
    ) -> None:
        """End a stream that has begun; with the reason, if its format allows it."""
        last = b""
        if reply.content_type.startswith(EVENT_STREAM):
            last = error_event(self._errors, status, message, code)
        elif reply.content_type.startswith(JSON_LINES):
            last = error_line(message)
        await send({"type": "http.response.body", "body": last, "more_body": False})

    def _with_error(self, reply: SourceResponse) -> SourceResponse:
        """Return the reply; an error of a provider, which has OpenAI's shape, in that of this route."""
        message = error_in(reply)
        if message is None or self._errors in (None, "openai"):
            return reply
        body = msgspec.json.encode(error_body(self._errors, reply.status, message))
        return msgspec.structs.replace(reply, body=body, content_type=JSON_MEDIA_TYPE)


def _start(reply: SourceResponse, own: Headers) -> Any:
    headers = [(b"content-type", reply.content_type.encode("latin-1")), *own]
    headers += [
        (name.lower().encode("latin-1"), value.encode("latin-1"))
        for name, value in reply.headers.items()
        if name.lower() in FORWARDED_SOURCE_HEADERS
    ]
    if isinstance(reply.body, bytes):
        headers.append((b"content-length", b"%d" % len(reply.body)))
    else:
        headers.append((b"x-accel-buffering", b"no"))
        if all(name.lower() != b"cache-control" for name, _ in own):
            headers.append(NO_STORE)
    return {"type": "http.response.start", "status": reply.status, "headers": headers}


class _DisconnectWatcher:
    """Cancels the current task on disconnect, revocation or shutdown, and remembers which it was; empty = none of them."""

    def __init__(self, receive: Receive) -> None:
        self._task = asyncio.current_task()
        self.reason = ""
        #: A block is being sent. The server would send it also if the task were cancelled, even after a last event.
        self.is_sending = False
        #: The reason for which the task is cancelled as soon as the block is sent; empty = none.
        self.delayed = ""
        self._receive = receive
        self._watcher: asyncio.Task[None] | None = None
        self._timer = asyncio.get_running_loop().call_later(WATCH_DELAY_SECONDS, self._begin)

    def on_shutdown(self) -> None:
        self._cancel_when_sent("stopping")

    def on_revoked(self) -> None:
        self._cancel_when_sent("revoked")

    def was_cancelled_by(self, reason: str) -> bool:
        """Return whether only this watcher cancelled the task, for this reason; then the task may continue."""
        if self.reason != reason or self._task is None:
            return False
        return self._task.uncancel() == 0

    def close(self) -> None:
        self._timer.cancel()
        self._task = None
        if self._watcher is not None:
            self._watcher.cancel()

    def _begin(self) -> None:
        self._watcher = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        with contextlib.suppress(DomainError):  # the rest of the body may be incomplete
            while (await self._receive())["type"] != "http.disconnect":
                pass
        self.cancel("disconnected")

    def cancel(self, reason: str) -> None:
        """Cancel the task now."""
        if not self.reason and self._task is not None:
            self.reason = reason
            self._task.cancel()

    def _cancel_when_sent(self, reason: str) -> None:
        if not self.is_sending:
            self.cancel(reason)
        elif not self.delayed:
            self.delayed = reason
            asyncio.get_running_loop().call_later(SEND_DELAY_SECONDS, self.cancel, reason)
