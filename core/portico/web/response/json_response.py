"""JSON responses: a status, a few headers and an encoded body."""

from collections.abc import Iterable
from typing import Final

import msgspec
from litestar.types import Receive, Scope, Send

from portico.identity import SignInResult

Headers = Iterable[tuple[bytes, bytes]]

#: For responses that must not be stored by anyone but the caller, and better not at all: streams, exports, imports.
NO_STORE: Final = (b"cache-control", b"no-store, private")


class JSONResponse:
    """A response whose body is already encoded, as JSON unless `content_type` says otherwise. Handlers return it."""

    __slots__ = ("body", "content_type", "headers", "status")

    def __init__(
        self,
        body: bytes,
        *,
        status: int = 200,
        headers: Headers = (),
        content_type: bytes = b"application/json",
    ) -> None:
        self.body, self.status, self.headers = body, status, headers
        self.content_type = content_type

    def to_asgi_response(self, app: object, request: object, **_: object) -> "JSONResponse":
        """Return itself. Called by Litestar for the result of an exception handler."""
        return self

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response. Called by Litestar."""
        await send(
            {
                "type": "http.response.start",
                "status": self.status,
                "headers": [
                    (b"content-type", self.content_type),
                    (b"content-length", b"%d" % len(self.body)),
                    *self.headers,
                ],
            }
        )
        await send({"type": "http.response.body", "body": self.body, "more_body": False})


def json_response(value: object, *, headers: Headers = ()) -> JSONResponse:
    """Return a response with this value as JSON. It may be anything that msgspec can encode."""
    return JSONResponse(msgspec.json.encode(value), headers=headers)


def sign_in_response(result: SignInResult) -> JSONResponse:
    """Return the response to a sign-in: the account and token, and the session cookie if there is one."""
    headers = ((b"set-cookie", result.cookie),) if result.cookie else ()
    return JSONResponse(result.body, headers=headers)
