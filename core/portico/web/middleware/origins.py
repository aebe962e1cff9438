"""Trusted origins: pages of this server, and of the sites that the operator lists in `cors.allow_origins`.

A browser adds cookies to every request, whichever page causes it. The headers by which it names the page (`Origin`,
`Referer`, `Sec-Fetch-Site`) cannot be forged by the page, so they are checked here.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from portico.settings.problems import BadSettings, Problem
from portico.web.middleware.proxies import valid_host

ANY_ORIGIN = "*"
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*\Z")
_DEFAULT_PORTS = {"http": ":80", "https": ":443", "ws": ":80", "wss": ":443"}
#: The scheme of a page by the scheme of a web socket that it opens.
_PAGE_SCHEMES = {"ws": "http", "wss": "https"}


class Origins:
    """This server's origin, and the other origins that may send requests with the user's cookies.

    `url`: the public URL of this server; "" = the origin is taken from each request. Raises: BadSettings.
    """

    def __init__(
        self, url: str = "", others: Sequence[str] = (), schemes: Sequence[str] = ()
    ) -> None:
        self.url = _own_url(url)
        others = [other for other in others if other]
        known = {"http", "https", *(scheme.lower() for scheme in schemes if scheme)}
        self.allows_any = ANY_ORIGIN in others
        if self.allows_any and len(others) > 1:
            raise _bad(
                "cors.allow_origins", "'*' allows every origin: remove it, or remove the others"
            )
        self.others = frozenset(_origin(other, known) for other in others if other != ANY_ORIGIN)
        self._own = frozenset({self.url.encode()} if self.url else ())

    def is_trusted(self, origin: bytes, scope: Mapping[str, Any]) -> bool:
        """Return whether pages of this origin may send requests with the user's cookies."""
        return origin in self._own or origin in self.others or origin == own_origin(scope)

    def classify(self, scope: Mapping[str, Any]) -> "RequestOrigin":
        """Return what the browser reports about the page that sent the request. A repeated header is not trusted."""
        site = origin = referer = None
        for name, value in scope["headers"]:
            if name == b"sec-fetch-site":
                site = value if site is None else b""
            elif name == b"origin":
                origin = value if origin is None else b""
            elif name == b"referer":
                referer = value if referer is None else b""
        if site in (b"same-origin", b"none"):
            return RequestOrigin(ours=True)
        if origin is None and referer is not None:
            origin = _origin_of(referer)
        if origin is not None:
            return RequestOrigin(self.is_trusted(origin, scope), origin.decode("latin-1"))
        return RequestOrigin(None if site is None else False, (site or b"").decode("latin-1"))


class RequestOrigin(NamedTuple):
    """Whether a trusted page sent a request; None = not known, such as from programs. `page`: its origin, for the log."""

    ours: bool | None
    page: str = ""


def own_origin(scope: Mapping[str, Any]) -> bytes | None:
    """Return the origin that this request was sent to, as a browser writes it; None without a usable Host."""
    scheme = _PAGE_SCHEMES.get(scope["scheme"], scope["scheme"])
    hosts: list[bytes] = [value.lower() for name, value in scope["headers"] if name == b"host"]
    if len(hosts) != 1 or not hosts[0]:
        return None
    return f"{scheme}://".encode() + hosts[0].removesuffix(_DEFAULT_PORTS.get(scheme, "-").encode())


def _origin_of(referer: bytes) -> bytes:
    scheme, _, rest = referer.partition(b"://")
    return scheme + b"://" + re.split(rb"[/?#]", rest, maxsplit=1)[0]


def _origin(text: str, schemes: set[str]) -> bytes:
    """Return one entry of `cors.allow_origins` as browsers write it. Raises: BadSettings."""
    scheme, separator, host = text.strip().lower().partition("://")
    if not separator or not _SCHEME.match(scheme):
        raise _bad(
            "cors.allow_origins",
            f"{text!r} is not a valid origin; write it like https://app.example.org",
        )
    if scheme not in schemes:
        raise _bad("cors.allow_origins", f"{text!r}: add its scheme to cors.allow_schemes")
    if valid_host(host) is None:
        raise _bad("cors.allow_origins", f"{text!r}: write only a scheme and a host")
    return f"{scheme}://{host.removesuffix(_DEFAULT_PORTS.get(scheme, '-'))}".encode()


def _own_url(text: str) -> str:
    """Return the origin of `server.url`, or "". Raises: BadSettings."""
    if not text:
        return ""
    try:
        parts = urlsplit(text.strip().lower())
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or valid_host(parts.netloc) is None:
        raise _bad(
            "server.url", f"{text!r} is not a valid URL; write it like https://chat.example.org"
        )
    return f"{parts.scheme}://{parts.netloc.removesuffix(_DEFAULT_PORTS[parts.scheme])}"


def _bad(key: str, reason: str) -> BadSettings:
    return BadSettings([Problem(key, reason)])
