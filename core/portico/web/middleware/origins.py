"""Which pages may act for the person at the browser: our own, and those of sites that the operator named.

A browser sends cookies on its own accord, whoever wrote the page that asks. What it adds to say which page that was
cannot be forged by the page, and is what is looked at here.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from portico.settings.problems import BadSettings, Problem
from portico.web.middleware.proxies import valid_host

ANY = "*"
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*\Z")
_DEFAULT_PORTS = {"http": ":80", "https": ":443", "ws": ":80", "wss": ":443"}
#: What a page's scheme is when it opens a socket.
_PAGE_SCHEMES = {"ws": "http", "wss": "https"}


class Origins:
    """Our own origin and those of others that may call with the person's cookies.

    `url`: where people reach us, "" = only what a request says of itself. Raises: BadSettings.
    """

    def __init__(
        self, url: str = "", others: Sequence[str] = (), schemes: Sequence[str] = ()
    ) -> None:
        self.url = _own_url(url)
        others = [other for other in others if other]
        known = {"http", "https", *(scheme.lower() for scheme in schemes if scheme)}
        self.allows_any = ANY in others
        if self.allows_any and len(others) > 1:
            raise _bad("browser.origins", "'*' is everybody: name it alone, or name the others")
        self.others = frozenset(_origin(other, known) for other in others if other != ANY)
        self._own = frozenset({self.url.encode()} if self.url else ())

    def is_trusted(self, origin: bytes, scope: Mapping[str, Any]) -> bool:
        """Whether pages of this origin may do what the person may."""
        return origin in self._own or origin in self.others or origin == own_origin(scope)

    def classify(self, scope: Mapping[str, Any]) -> "RequestOrigin":
        """What the browser says of the page that asks. A header that is there twice says nothing good."""
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
    """Whether a page of ours asks; None = the browser did not say, or it is none. `page`: who asks, for the log."""

    ours: bool | None
    page: str = ""


def own_origin(scope: Mapping[str, Any]) -> bytes | None:
    """The origin under which this request reached us, as a browser writes it; None if it does not say."""
    scheme = _PAGE_SCHEMES.get(scope["scheme"], scope["scheme"])
    hosts: list[bytes] = [value.lower() for name, value in scope["headers"] if name == b"host"]
    if len(hosts) != 1 or not hosts[0]:
        return None
    return f"{scheme}://".encode() + hosts[0].removesuffix(_DEFAULT_PORTS.get(scheme, "-").encode())


def _origin_of(referer: bytes) -> bytes:
    scheme, _, rest = referer.partition(b"://")
    return scheme + b"://" + re.split(rb"[/?#]", rest, maxsplit=1)[0]


def _origin(text: str, schemes: set[str]) -> bytes:
    """One of `browser.origins` as browsers write it."""
    scheme, separator, host = text.strip().lower().partition("://")
    if not separator or not _SCHEME.match(scheme):
        raise _bad(
            "browser.origins", f"{text!r} is no origin; write it like https://app.example.org"
        )
    if scheme not in schemes:
        raise _bad("browser.origins", f"{text!r}: name its scheme in browser.schemes first")
    if valid_host(host) is None:
        raise _bad("browser.origins", f"{text!r}: after the scheme comes a host, and nothing more")
    return f"{scheme}://{host.removesuffix(_DEFAULT_PORTS.get(scheme, '-'))}".encode()


def _own_url(text: str) -> str:
    """The origin of `server.url`, or ""."""
    if not text:
        return ""
    try:
        parts = urlsplit(text.strip().lower())
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or valid_host(parts.netloc) is None:
        raise _bad("server.url", f"{text!r} is no address; write it like https://chat.example.org")
    return f"{parts.scheme}://{parts.netloc.removesuffix(_DEFAULT_PORTS[parts.scheme])}"


def _bad(key: str, reason: str) -> BadSettings:
    return BadSettings([Problem(key, reason)])
