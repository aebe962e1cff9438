"""JSON responses: a status, a few headers and an encoded body, which is compressed if the client accepts it.

What is compressed together with a secret reveals it to an attacker who chooses a part of the body and sees its length (BREACH).
So a response that sets a cookie, that of a route only for sessions, and one that says `has_secrets` are sent as they are.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
from litestar.types import Receive, Scope, Send

from portico.identity import SignInResult
from portico.web.response.compression import MIN_BYTES, compress_json, json_coding

Headers = Iterable[tuple[bytes, bytes]]

#: For responses that must not be stored by anyone but the caller, and better not at all: streams, exports, imports.
NO_STORE: Final = (b"cache-control", b"no-store, private")
JSON_TYPE: Final = b"application/json"
_NO_OPTIONS: Final[Mapping[str, Any]] = {}
_VARIES: Final = (b"vary", b"Accept-Encoding")


class JSONResponse:
    """A response whose body is already encoded, as JSON unless `content_type` says otherwise. Handlers return it.

    `has_secrets`: the body holds credentials, also masked ones.
    """

    __slots__ = ("body", "content_type", "has_secrets", "headers", "status")

    def __init__(
        self,
        body: bytes,
        *,
        status: int = 200,
        headers: Headers = (),
        content_type: bytes = JSON_TYPE,
        has_secrets: bool = False,
    ) -> None:
        self.body, self.status, self.headers = body, status, headers
        self.content_type, self.has_secrets = content_type, has_secrets

    def to_asgi_response(self, app: object, request: object, **_: object) -> "JSONResponse":
        """Return itself. Called by Litestar for the result of an exception handler."""
        return self

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response. Called by Litestar."""
        body, headers = self.body, [(b"content-type", self.content_type), *self.headers]
        if len(body) >= MIN_BYTES and self._is_compressible(scope, headers):
            headers.append(_VARIES)
            if coding := json_coding(scope):
                body = await compress_json(body, coding)
                headers = [_weakened(one) for one in headers]
                headers.append((b"content-encoding", coding.encode()))
        headers.append((b"content-length", b"%d" % len(body)))
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})

    def _is_compressible(self, scope: Scope, headers: list[tuple[bytes, bytes]]) -> bool:
        return (
            self.content_type == JSON_TYPE
            and not self.has_secrets
            and getattr(scope.get("litestar_app"), "compresses_json", False)
            and not getattr(scope.get("route_handler"), "opt", _NO_OPTIONS).get("session_only")
            and b"set-cookie" not in dict(headers)
        )


def _weakened(header: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
    """Return a header of a compressed response: a strong ETag is of the bytes before that. Source: RFC 9110, 8.8.3.3."""
    name, value = header
    return (name, b"W/" + value) if name == b"etag" and value.startswith(b'"') else header


def json_response(
    value: object, *, headers: Headers = (), has_secrets: bool = False
) -> JSONResponse:
    """Return a response with this value as JSON. It may be anything that msgspec can encode.

    `has_secrets`: as of `JSONResponse`.
    """
    return JSONResponse(msgspec.json.encode(value), headers=headers, has_secrets=has_secrets)


def sign_in_response(result: SignInResult) -> JSONResponse:
    """Return the response to a sign-in: the account and token, and the session cookie if there is one."""
    headers = ((b"set-cookie", result.cookie),) if result.cookie else ()
    return JSONResponse(result.body, headers=headers, has_secrets=True)
