"""Serves a web socket until its handler ends, its client is gone or does not read, or its credential is revoked or expires.

The handler runs in its own task, so that it can be cancelled whatever it is waiting for.
"""

import asyncio
from contextlib import nullcontext
from enum import StrEnum
from typing import Any, Final

import structlog
from litestar.exceptions import WebSocketDisconnect
from litestar.types import ASGIApp, Receive, Scope, Send

from portico.errors import INVALID_TOKEN
from portico.identity import Actor, LiveConnections
from portico.plugin_errors.plugin_exit import contained
from portico.web.middleware.socket_inbox import ABNORMAL_CLOSURE, SocketInbox
from portico.web.middleware.websockets import ON_STALLED_KEY

log = structlog.get_logger("portico.web")

#: Close code after a revocation: 4000 plus the status with which a request would be answered.
SESSION_ENDED_CODE: Final = 4401
#: Close code for a client that sends what the handler does not read. Source: RFC 6455, 7.4.1.
POLICY_VIOLATION: Final = 1008
UNREAD_MESSAGE: Final = "The server does not read what this client sends."
#: Seconds that a cancelled handler has to clean up.
CANCEL_TIMEOUT_SECONDS: Final = 1.0
#: Seconds without reading after which a handler is cancelled whose client is gone. It may still handle earlier messages.
GONE_SECONDS: Final = 5.0
#: Messages after which other tasks get their turn: most are taken by the server at once, without a wait.
SENDS_PER_TURN: Final = 16
#: Bytes that are sent while nothing shows whether the client is still there, since it sends more than the handler reads.
MAX_UNCONFIRMED_BYTES: Final = 16 * 1024 * 1024


class SocketEnd(StrEnum):
    """Why a web socket ends before its handler does."""

    GONE = "the client is gone"
    STALLED = "the client does not read"
    UNREAD = "the handler does not read"
    REVOKED = "its session was ended"


class WebSocketConnection:
    """One web socket between the server and its handler."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._send = send
        self._inbox = SocketInbox(receive, lambda: self._end(SocketEnd.GONE))
        self._has_ended, self._reason = asyncio.Event(), ""
        self._ended_at = 0.0
        self._is_closed = False
        self._sends = self._pending_sends = self._unconfirmed = 0

    async def serve(
        self, app: ASGIApp, scope: Scope, actor: Actor | None, live: LiveConnections
    ) -> None:
        """Serve the socket with this application. `actor`: whose credential it is; None on a public route."""
        scope[ON_STALLED_KEY] = lambda: self._end(SocketEnd.STALLED)  # type: ignore[literal-required]
        revoked = lambda: self._end(SocketEnd.REVOKED)  # noqa: E731 - the same object adds and removes it
        with nullcontext() if actor is None else live.track(actor, revoked):
            work = asyncio.ensure_future(
                contained(app(scope, self._inbox.receive, self._send_checked))
            )
            try:
                await self._until_over(work)
            finally:
                if not work.done():
                    # Before a close frame: granian does not send it while a `receive()` is pending.
                    work.cancel()
                    await asyncio.wait({work}, timeout=CANCEL_TIMEOUT_SECONDS)
                await self._inbox.stop()
            await self._close()
        if not self._reason:
            await work  # raises what the handler has raised
        elif work.done() and not work.cancelled():
            work.exception()  # retrieve the exception, so that asyncio does not log it

    def _end(self, reason: SocketEnd) -> None:
        if not self._reason or reason is SocketEnd.STALLED:
            self._reason = reason
            self._ended_at = asyncio.get_running_loop().time()
            self._has_ended.set()

    async def _until_over(self, work: "asyncio.Future[None]") -> None:
        """Wait until the handler has ended, or has to be cancelled."""
        ended = asyncio.ensure_future(self._has_ended.wait())
        try:
            both: Any = {work, ended}
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            now = asyncio.get_running_loop().time
            while self._reason == SocketEnd.GONE and not work.done():
                # It learns of the end when it reads or sends, after what the client had sent before.
                left = max(self._ended_at, self._inbox.last_read) + GONE_SECONDS - now()
                if left <= 0 or self._pending_sends:  # which can never be completed
                    return
                await asyncio.wait({work}, timeout=left)
        finally:
            ended.cancel()

    async def _send_checked(self, message: Any) -> None:
        """Send a message of the handler. Raises: WebSocketDisconnect if the socket has ended."""
        kind = message["type"]
        if kind == "websocket.send":
            self._sends += 1
            if self._reason or self._sends % SENDS_PER_TURN == 0:
                await asyncio.sleep(0)
            self._check_unread(message)
            if self._reason:
                code = SESSION_ENDED_CODE if self._reason == SocketEnd.REVOKED else ABNORMAL_CLOSURE
                raise WebSocketDisconnect(detail=self._reason, code=code)
        elif kind != "websocket.accept":
            if self._reason == SocketEnd.REVOKED:
                raise WebSocketDisconnect(detail=INVALID_TOKEN, code=SESSION_ENDED_CODE)
            self._is_closed = True
            await self._inbox.stop()
        self._pending_sends += 1
        try:
            await self._send(message)
        finally:
            self._pending_sends -= 1
        if kind == "websocket.accept":
            self._inbox.start()

    def _check_unread(self, message: Any) -> None:
        if not self._inbox.is_full:
            self._unconfirmed = 0
            return
        self._unconfirmed += len(message.get("bytes") or b"") + len(message.get("text") or "")
        if self._unconfirmed > MAX_UNCONFIRMED_BYTES:
            self._end(SocketEnd.UNREAD)

    async def _close(self) -> None:
        if self._is_closed:
            return
        if self._reason == SocketEnd.REVOKED:
            code, reason = SESSION_ENDED_CODE, INVALID_TOKEN
        elif self._reason == SocketEnd.UNREAD:
            code, reason = POLICY_VIOLATION, UNREAD_MESSAGE
            log.warning("web socket closed", reason=str(self._reason))
        else:
            return
        await self._send({"type": "websocket.close", "code": code, "reason": reason})
