"""Nothing in the clear: what a request over plain HTTP is answered where HTTPS is forced."""

from urllib.parse import quote

from litestar.types import Scope, Send

from portico.errors import Forbidden
from portico.web.middleware.proxies import valid_host

HTTPS_NEEDED = "This server is used over HTTPS only."
#: What load balancers ask from nearby.
_PROBES = ("/health", "/health/db", "/ready")


class HTTPSOnly:
    """Sends plain requests on to the same place over HTTPS, if they can be sent on.

    `url`: the origin under which people reach us; "" = the host that they asked for, on the usual port.
    """

    def __init__(self, url: str) -> None:
        self._host = url.partition("://")[2]

    def applies_to(self, scope: Scope) -> bool:
        """Whether a request came in the clear and should not have."""
        return scope["scheme"] in ("http", "ws") and scope["path"] not in _PROBES

    async def answer(self, scope: Scope, send: Send) -> None:
        """308 for what can be repeated. Raises: Forbidden for everything else; it has been overheard already."""
        host = self._host or _target_url(scope)
        if scope.get("method") not in ("GET", "HEAD") or not host:
            raise Forbidden(HTTPS_NEEDED)
        path = scope.get("raw_path") or quote(scope["path"]).encode()
        query = scope["query_string"]
        where = b"https://" + host.encode() + path + (b"?" + query if query else b"")
        headers = [(b"location", where), (b"content-length", b"0")]
        await send({"type": "http.response.start", "status": 308, "headers": headers})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _target_url(scope: Scope) -> str | None:
    found = [value for name, value in scope["headers"] if name == b"host"]
    host = valid_host(found[0].decode("latin-1")) if len(found) == 1 else None
    if host is None:
        return None
    # The port is that of plain HTTP, so it is not ours.
    return host if host.endswith("]") else host.rsplit(":", 1)[0]
