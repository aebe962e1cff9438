"""Web sockets: a refused handshake gets an HTTP response, and errors in handlers are logged and close the socket."""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

from litestar import WebSocket
from litestar.exceptions import WebSocketDisconnect
from litestar.types import Scope, Send

from portico.errors import DomainError
from portico.plugin_errors.plugin_exit import is_failure
from portico.web.errors import error_response, internal_error_response, log_and_respond
from portico.web.middleware.slow_readers import ClientStalled, ReadWatch
from portico.web.middleware.socket_inbox import ABNORMAL_CLOSURE
from portico.web.request.parameter_faults import wrong_parameters
from portico.web.response.json_response import JSONResponse

#: Where the server cannot send an HTTP response to a handshake, it closes with this code plus the status.
CLOSE_CODE_BASE = 4000
#: Bytes of a reason that fit into a close frame.
_MAX_REASON_BYTES = 123
#: Internal error. Source: RFC 6455, 7.4.1.
_INTERNAL_ERROR = 1011
#: Bytes of messages that tasks of a handler send at the same time, to a client that does not take them.
MAX_UNSENT_BYTES = 4 * 1024 * 1024
#: In the scope of a web socket: what is called when its client does not read.
ON_STALLED_KEY = "portico.on_stalled"
STALLED_MESSAGE = "The client does not read."
#: The code with which Litestar closes after any error of its own.
_LITESTAR_ERROR = 4500


class HandshakeSender:
    """`send` of a web socket. Before it is open, an HTTP response becomes the response to the handshake."""

    __slots__ = (
        "_can_answer", "_over", "_request_id", "_scope", "_send", "_unsent_bytes", "_watch", "began", "stalled",
    )  # fmt: skip

    def __init__(
        self, watch: ReadWatch, scope: Scope, send: Send, request_id: tuple[bytes, bytes]
    ) -> None:
        self._watch = watch
        self.stalled = False
        self._unsent_bytes = 0
        self._scope, self._send, self._request_id = scope, send, request_id
        self._can_answer = "websocket.http.response" in (scope.get("extensions") or {})
        self.began = self._over = False

    async def __call__(self, message: Any) -> None:
        """Forward a message to the server. Called by the application."""
        match message["type"]:
            case "websocket.accept":
                self.began = True
                given = [pair for pair in message.get("headers", ()) if _is_harmless(*pair)]
                message = {**message, "headers": [*given, self._request_id]}
            case "http.response.start":
                self.began = self._over = True
                headers = [*message["headers"], self._request_id]
                message = {**message, "headers": headers, "type": "websocket.http.response.start"}
                if not self._can_answer:
                    code = CLOSE_CODE_BASE + message["status"]
                    message = {"type": "websocket.close", "code": code, "reason": ""}
            case "http.response.body":
                message = {**message, "type": "websocket.http.response.body"}
                if not self._can_answer:
                    return
            case "websocket.close" if self._over:
                return  # closed already
            case "websocket.close" if self.began:
                self._over = True
            case "websocket.close":
                await _refusal_of(message, self._scope)(self._scope, None, self)
                return
        await self._send_watched(message)

    async def _send_watched(self, message: Any) -> None:
        size = len(message.get("bytes") or b"") + len(message.get("text") or "")
        if self._unsent_bytes + size > MAX_UNSENT_BYTES and self._unsent_bytes:
            self._stall()
        if self.stalled:
            raise WebSocketDisconnect(detail=STALLED_MESSAGE, code=ABNORMAL_CLOSURE)
        self._unsent_bytes += size
        try:
            await self._watch.send(self._send, message)
        except ClientStalled:
            self._stall()
            raise WebSocketDisconnect(detail=STALLED_MESSAGE, code=ABNORMAL_CLOSURE) from None
        finally:
            self._unsent_bytes -= size

    def _stall(self) -> None:
        if not self.stalled:
            self.stalled = True
            on_stalled: Any = self._scope.get(ON_STALLED_KEY, _do_nothing)
            on_stalled()


def _do_nothing() -> None:
    """Do nothing: before the handshake is complete, no handler has to end."""


def _refusal_of(close: Any, scope: Scope) -> Any:
    """Return the HTTP response where a handler, or Litestar, closes a socket before it has opened."""
    if scope.get("route_handler") is None:
        return error_response(404, "Not Found")
    if close.get("code") == _LITESTAR_ERROR:  # its reason may quote the request
        faults = wrong_parameters(WebSocket(scope))
        return error_response(422, faults) if faults else error_response(400, "Bad Request")
    return error_response(403, close.get("reason") or "Forbidden")


def _is_harmless(name: bytes, value: bytes) -> bool:
    return name.lower() != b"x-request-id" and b"\n" not in value and b"\r" not in value


def catch_socket_errors(handler: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    """Wrap a web socket handler: errors are logged, and the socket is closed however the handler ends."""

    @wraps(handler)
    async def serve(*controller: Any, **given: Any) -> None:
        socket: WebSocket[Any, Any, Any] = given["socket"]
        try:
            await handler(*controller, **given)
        except WebSocketDisconnect:
            return
        except DomainError as error:
            await _end(socket, log_and_respond(socket.scope, error), error.detail)
        except BaseException as error:  # Litestar would close it without a line in the log
            if not is_failure(error):
                raise
            await _end(
                socket,
                internal_error_response(error, socket.scope),
                "Internal Server Error",
                _INTERNAL_ERROR,
            )
        else:
            if socket.connection_state != "disconnect":
                await socket.close()

    return serve


async def _end(
    socket: WebSocket[Any, Any, Any], reply: JSONResponse, reason: str, code: int | None = None
) -> None:
    if socket.connection_state == "init":  # not open yet: the handshake can be answered
        await reply(socket.scope, socket.receive, socket.send)
    elif socket.connection_state != "disconnect":
        short = reason.encode()[:_MAX_REASON_BYTES].decode(errors="ignore")
        await socket.close(code or CLOSE_CODE_BASE + reply.status, short)
