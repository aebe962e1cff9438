"""CORS: allows calls from pages of the origins that the operator lists. Source: the Fetch standard."""

from litestar.types import Scope, Send

from portico.web.middleware.origins import Origins

#: Seconds for which a browser need not ask again.
MAX_AGE_SECONDS = b"600"
_METHODS = b"DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"
_VARY = (b"vary", b"Origin")

Headers = tuple[tuple[bytes, bytes], ...]


class CORS:
    """The CORS headers of one application. None unless `cors.allow_origins` lists an origin."""

    def __init__(self, origins: Origins) -> None:
        self._any = origins.allows_any
        self._others = origins.others
        self.on = bool(self._any or self._others)

    def headers(self, origin: bytes) -> Headers:
        """Return the headers of a response to a page of this origin; b"" = the request names none.

        Cookies are never allowed together with `*`.
        """
        if self._any:
            return ((b"access-control-allow-origin", b"*"),) if origin else ()
        if origin not in self._others:
            return (_VARY,)
        return (
            (b"access-control-allow-origin", origin),
            (b"access-control-allow-credentials", b"true"),
            _VARY,
        )

    async def respond(self, scope: Scope, send: Send) -> None:
        """Answer a preflight request. Allows every method and header; the request itself is authorized later."""
        headers = [
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", b"2"),
            (b"access-control-allow-methods", _METHODS),
            (b"access-control-max-age", MAX_AGE_SECONDS),
        ]
        wanted = [v for name, v in scope["headers"] if name == b"access-control-request-headers"]
        if wanted:
            headers.append((b"access-control-allow-headers", wanted[0]))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"OK", "more_body": False})


def is_preflight(scope: Scope) -> bool:
    """Return whether this is a CORS preflight request."""
    return scope.get("method") == "OPTIONS" and any(
        name == b"access-control-request-method" for name, _ in scope["headers"]
    )
