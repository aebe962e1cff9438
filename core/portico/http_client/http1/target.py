"""Where a request goes, and its first bytes."""

import base64
import re
from collections.abc import Mapping
from typing import NamedTuple

from yarl import URL

#: Names that this client sets itself.
_OWN_HEADERS = frozenset(("content-length", "transfer-encoding", "connection"))
#: Lines of headers. Source: RFC 9110, 5.1 and 5.5.
_HEADER_LINES = re.compile(r"(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+: [^\r\n\0]*\r\n)*\Z")


class ConnectionKey(NamedTuple):
    """What a connection leads to; requests with the same key can share one. `proxy`: its URL; None = without one."""

    scheme: str
    host: str
    port: int
    proxy: str | None
    verify_tls: bool


class HTTPTarget(NamedTuple):
    """An address, read once for many requests.

    `rest_of_line`: the request's first line after the method, and `Host`. `authorization`: of a user in the address.
    `proxy_lines`: headers for a proxy that gets the request itself.
    """

    key: ConnectionKey
    rest_of_line: str
    host_line: str
    authorization: str
    proxy_lines: str

    @classmethod
    def of(cls, url: str, proxy: str | None, *, verify_tls: bool) -> "HTTPTarget":
        """Read an address. Raises: ValueError if no request can be sent to it."""
        address = URL(url)
        host, port = address.raw_host, address.port
        if address.scheme not in ("http", "https") or not host or not port:
            raise ValueError("not the address of an HTTP server")
        key = ConnectionKey(address.scheme, host, port, proxy, verify_tls)
        path, proxy_lines = address.raw_path_qs, ""
        if proxy and address.scheme == "http":
            path = str(address.with_user(None).with_fragment(None))
            proxy_lines = proxy_authorization(URL(proxy))
        return cls(
            key,
            f" {path} HTTP/1.1\r\n",
            f"Host: {address.host_port_subcomponent}\r\n",
            _basic(address),
            proxy_lines,
        )


class PreparedRequest(NamedTuple):
    """A request without its body, for any number of bodies. `lines`: the first one and the headers, but for the body's length.

    `may_lack_length`: the method needs none where there is no body.
    """

    key: ConnectionKey
    lines: bytes
    may_lack_length: bool

    def with_header(self, name: str, value: str) -> "PreparedRequest":
        """Return the request with one more header, of valid characters."""
        return self._replace(lines=self.lines + f"{name}: {value}\r\n".encode())

    def head(self, length: int | None) -> bytes:
        """Return what is sent before the body. `length`: bytes of the body; None = it has none."""
        if length is None and self.may_lack_length:
            return self.lines + b"\r\n"
        return b"%sContent-Length: %d\r\n\r\n" % (self.lines, length or 0)


def prepared_request(
    method: str, target: HTTPTarget, headers: Mapping[str, str]
) -> PreparedRequest:
    """Return a request without its body. Raises: ValueError if a header cannot be sent."""
    lines, names, count = "", set[str](), 0
    for name, value in headers.items():
        lower = name.lower()
        if lower not in _OWN_HEADERS:
            names.add(lower)
            lines += f"{name}: {value}\r\n"
            count += 1
    if lines.count("\n") != count or _HEADER_LINES.match(lines) is None:
        raise ValueError("a header has characters that cannot be sent")
    if "host" not in names:
        lines = target.host_line + lines
    if "accept" not in names:
        lines += "Accept: */*\r\n"
    if target.authorization:
        if "authorization" in names:
            raise ValueError("there are two ways to sign in, in the address and in a header")
        lines += target.authorization
    head = f"{method}{target.rest_of_line}{lines}{target.proxy_lines}"
    return PreparedRequest(target.key, head.encode(), method in ("GET", "HEAD"))


def proxy_authorization(proxy: URL) -> str:
    """Return the header line with the name and password of a proxy's address; empty if it has none."""
    return _basic(proxy, "Proxy-Authorization")


def _basic(address: URL, header: str = "Authorization") -> str:
    if address.user is None:
        return ""
    pair = f"{address.user}:{address.password or ''}".encode()
    return f"{header}: Basic {base64.b64encode(pair).decode()}\r\n"
