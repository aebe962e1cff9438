"""The lightest answer there is: a status, a few headers, bytes that need no encoding any more."""

from collections.abc import Iterable
from typing import Final

import msgspec
from litestar.types import Receive, Scope, Send

Headers = Iterable[tuple[bytes, bytes]]

#: For what only its caller may keep, and better not even they: streams, exports, imports.
NO_STORE: Final = (b"cache-control", b"no-store, private")


class JSONResponse:
    """An answer that is bytes already, JSON unless said otherwise. Handlers return it as it is."""

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
        """Itself. Called by Litestar on what an exception handler returns."""
        return self

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends the answer. Called by Litestar."""
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
    """Anything msgspec can encode, encoded once."""
    return JSONResponse(msgspec.json.encode(value), headers=headers)
