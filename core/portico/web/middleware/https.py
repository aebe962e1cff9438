"""Forced HTTPS (`server.force_https`): redirects or refuses requests over plain HTTP."""

from urllib.parse import quote

from litestar.types import Scope, Send

from portico.errors import Forbidden
from portico.web.middleware.proxies import valid_host

HTTPS_NEEDED = "This server is used over HTTPS only."
#: Paths that load balancers, monitoring and other instances request over plain HTTP from the same network.
_INTERNAL = ("/health", "/health/db", "/ready", "/metrics", "/ws/instances")


class HTTPSOnly:
    """Redirects plain requests to the same URL over HTTPS, target a redirect is possible.

    `url`: the public origin of this server; "" = the host of the request, on the default port. `base_path`: the path
    below which everything is.
    """

    def __init__(self, url: str, base_path: str = "") -> None:
        self._host, self._base_path = url.partition("://")[2], base_path.encode()

    def applies_to(self, scope: Scope) -> bool:
        """Return whether a request came over plain HTTP although HTTPS is required."""
        return scope["scheme"] in ("http", "ws") and scope["path"] not in _INTERNAL

    async def respond(self, scope: Scope, send: Send) -> None:
        """Redirect GET and HEAD with 308. Raises: Forbidden for other methods, whose body was already sent in the clear."""
        host = self._host or _target_url(scope)
        if scope.get("method") not in ("GET", "HEAD") or not host:
            raise Forbidden(HTTPS_NEEDED)
        path = scope.get("raw_path") or quote(scope["path"]).encode()
        query = scope["query_string"]
        target = (
            b"https://" + host.encode() + self._base_path + path + (b"?" + query if query else b"")
        )
        headers = [(b"location", target), (b"content-length", b"0")]
        await send({"type": "http.response.start", "status": 308, "headers": headers})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _target_url(scope: Scope) -> str | None:
    found = [value for name, value in scope["headers"] if name == b"host"]
    host = valid_host(found[0].decode("latin-1")) if len(found) == 1 else None
    if host is None:
        return None
    # The port is that of plain HTTP, so it is left out.
    return host if host.endswith("]") else host.rsplit(":", 1)[0]
