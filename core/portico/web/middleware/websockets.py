"""Web sockets: a handshake that is refused gets an answer like any request, and what goes wrong later is told."""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

from litestar import WebSocket
from litestar.exceptions import WebSocketDisconnect
from litestar.types import Scope, Send

from portico.errors import DomainError
from portico.web.errors import error_response, internal_error_response, log_and_respond
from portico.web.middleware.slow_readers import ClientStalled, ReadWatch
from portico.web.response.json_response import JSONResponse

#: Where the server cannot answer a handshake, the status is told by the code it is closed with.
CODES = 4000
#: Bytes of a reason that fit into a closing frame.
_LONGEST_REASON = 123
#: The server met something that it did not expect. Source: RFC 6455, 7.4.1.
_BROKEN = 1011
#: The connection ended without a closing frame. Source: RFC 6455, 7.4.1.
_STALLED = 1006
STALLED = "The client does not read."
#: Litestar closes with this whatever went wrong in it.
_WENT_WRONG = 4500


class HandshakeSender:
    """`send` of a socket that is not open yet. What is said over HTTP becomes the answer to the handshake."""

    __slots__ = (
        "_can_answer", "_over", "_request_id", "_scope", "_send", "_watch", "began", "stalled",
    )  # fmt: skip

    def __init__(
        self, watch: ReadWatch, scope: Scope, send: Send, request_id: tuple[bytes, bytes]
    ) -> None:
        self._watch = watch
        self.stalled = False
        self._scope, self._send, self._request_id = scope, send, request_id
        self._can_answer = "websocket.http.response" in (scope.get("extensions") or {})
        self.began = self._over = False

    async def __call__(self, message: Any) -> None:
        """Pass a message on. Called by the application."""
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
                    code = CODES + message["status"]
                    message = {"type": "websocket.close", "code": code, "reason": ""}
            case "http.response.body":
                message = {**message, "type": "websocket.http.response.body"}
                if not self._can_answer:
                    return
            case "websocket.close" if self._over:
                return  # whoever closes it a second time means the same
            case "websocket.close" if self.began:
                self._over = True
            case "websocket.close":
                await _refusal_of(message, self._scope)(self._scope, None, self)
                return
        await self._send_watched(message)

    async def _send_watched(self, message: Any) -> None:
        if self.stalled:
            raise WebSocketDisconnect(detail=STALLED, code=_STALLED)
        try:
            await self._watch.send(self._send, message)
        except ClientStalled:
            self.stalled = True
            raise WebSocketDisconnect(detail=STALLED, code=_STALLED) from None


def _refusal_of(close: Any, scope: Scope) -> Any:
    """What is answered where a handler, or Litestar, closes before it has opened."""
    if scope.get("route_handler") is None:
        return error_response(404, "Not Found")
    if close.get("code") == _WENT_WRONG:  # what it says about it may quote what was sent
        return error_response(400, "Bad Request")
    return error_response(403, close.get("reason") or "Forbidden")


def _is_harmless(name: bytes, value: bytes) -> bool:
    return name.lower() != b"x-request-id" and b"\n" not in value and b"\r" not in value


def catch_socket_errors(handler: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    """A handler of a socket that ends in order whatever is raised in it, and closes what it leaves open."""

    @wraps(handler)
    async def serve(**given: Any) -> None:
        socket: WebSocket[Any, Any, Any] = given["socket"]
        try:
            await handler(**given)
        except WebSocketDisconnect:
            return
        except DomainError as error:
            await _end(socket, log_and_respond(socket.scope, error), error.detail)
        except Exception as error:  # noqa: BLE001 - Litestar would close it without a line in the log
            plugin = str(socket.scope["route_handler"].opt.get("plugin", "portico"))
            await _end(
                socket, internal_error_response(error, plugin), "Internal Server Error", _BROKEN
            )
        else:
            if socket.connection_state != "disconnect":
                await socket.close()

    return serve


async def _end(
    socket: WebSocket[Any, Any, Any], reply: JSONResponse, reason: str, code: int | None = None
) -> None:
    if socket.connection_state == "init":  # nobody has opened it: the handshake can be answered
        await reply(socket.scope, socket.receive, socket.send)
    elif socket.connection_state != "disconnect":
        short = reason.encode()[:_LONGEST_REASON].decode(errors="ignore")
        await socket.close(code or CODES + reply.status, short)
