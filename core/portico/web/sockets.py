"""Web sockets at the door: a handshake that is refused gets an answer like any request, not a mere close."""

from typing import Any

from litestar.types import Scope, Send

from portico.web.errors import answer

#: Where the server cannot answer a handshake, the status is told by the code it is closed with.
CODES = 4000
#: Litestar closes with this whatever went wrong in it.
_WENT_WRONG = 4500


class Doorstep:
    """`send` of a socket that is not open yet. What is said over HTTP becomes the answer to the handshake."""

    __slots__ = ("_can_answer", "_request_id", "_scope", "_send", "began")

    def __init__(self, scope: Scope, send: Send, request_id: tuple[bytes, bytes]) -> None:
        self._scope, self._send, self._request_id = scope, send, request_id
        self._can_answer = "websocket.http.response" in (scope.get("extensions") or {})
        self.began = False

    async def __call__(self, message: Any) -> None:
        """Pass a message on. Called by the application."""
        match message["type"]:
            case "websocket.accept":
                self.began = True
                given = [pair for pair in message.get("headers", ()) if _is_harmless(*pair)]
                message = {**message, "headers": [*given, self._request_id]}
            case "http.response.start":
                self.began = True
                headers = [*message["headers"], self._request_id]
                message = {**message, "headers": headers, "type": "websocket.http.response.start"}
                if not self._can_answer:
                    code = CODES + message["status"]
                    message = {"type": "websocket.close", "code": code, "reason": ""}
            case "http.response.body":
                message = {**message, "type": "websocket.http.response.body"}
                if not self._can_answer:
                    return
            case "websocket.close" if not self.began:
                await _refusal_of(message, self._scope)(self._scope, None, self)
                return
        await self._send(message)


def _refusal_of(close: Any, scope: Scope) -> Any:
    """What is answered where a handler, or Litestar, closes before it has opened."""
    if scope.get("route_handler") is None:
        return answer(404, "Not Found")
    if close.get("code") == _WENT_WRONG:  # what it says about it may quote what was sent
        return answer(400, "Bad Request")
    return answer(403, close.get("reason") or "Forbidden")


def _is_harmless(name: bytes, value: bytes) -> bool:
    return name.lower() != b"x-request-id" and b"\n" not in value and b"\r" not in value
