"""Client address, scheme and host of requests that come through trusted proxies.

Forwarded headers are used if the peer is listed in `server.trusted_proxies`. They are removed from every request, so
that no handler can be deceived by them.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING, Any, NamedTuple

from portico.settings.problems import BadSettings, Problem

if TYPE_CHECKING:
    from litestar.types import Scope

#: Headers about the client or the original URL. They are removed from every request.
FORWARDED_HEADERS = frozenset(
    name.encode()
    for name in (
        "forwarded", "x-forwarded", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-protocol",
        "x-forwarded-scheme", "x-forwarded-ssl", "x-forwarded-host", "x-forwarded-server", "x-forwarded-port",
        "x-forwarded-prefix", "x-forwarded-by", "x-forwarded-uri", "x-forwarded-path", "x-original-forwarded-for",
        "x-original-host", "x-original-url", "x-rewrite-url", "x-real-ip", "x-client-ip", "x-cluster-client-ip",
        "x-remote-ip", "x-remote-addr", "true-client-ip", "cf-connecting-ip", "cf-connecting-ipv6",
        "cf-pseudo-ipv4", "fastly-client-ip", "front-end-https", "x-url-scheme",
    )
)  # fmt: skip
TRUSTED_PEER_KEY = "portico.trusted_peer"
UNKNOWN_CLIENT_KEY = "portico.unknown_client"
#: Proxies in a row; a request with more is not trusted.
MAX_HOPS = 32
UNKNOWN_ADDRESS = "unknown"
#: In `server.trusted_proxies`, and as address of a client: what connects to `server.unix_socket`, and has no address.
UNIX_PEER = "unix"

_HOST = re.compile(
    r"(?:[a-z0-9_](?:[a-z0-9._-]{0,252}[a-z0-9_])?\.?|\[[0-9a-f:.]{2,45}\])(?::[0-9]{1,5})?\Z", re.I
)
_WITH_PORT = re.compile(r"(?:\[([0-9a-f:.]+)\]|([0-9.]+))(?::[0-9]{1,5})?\Z", re.I)
_SCHEMES = {
    "http": ("http", "ws"),
    "https": ("https", "wss"),
    "ws": ("http", "ws"),
    "wss": ("https", "wss"),
}
_PAIR = re.compile(r'\s*([\w!#$%&\'*+.^`|~-]+)=("(?:[^"\\]|\\.)*"|[^\s";,]+)\s*(;|,|\Z)', re.ASCII)

Address = IPv4Address | IPv6Address


class ForwardedInfo(NamedTuple):
    """What a proxy reports about a request; None = missing or not usable."""

    address: str | None = None
    scheme: str | None = None
    host: str | None = None


class Proxies:
    """The trusted proxies. `named`: addresses, networks, and `unix`. Raises: BadSettings for anything else."""

    def __init__(self, named: Sequence[str] = ()) -> None:
        self._trusts_unix = UNIX_PEER in named
        self._networks = tuple(_network(one) for one in named if one != UNIX_PEER)
        self._is_trusted = lru_cache(maxsize=1024)(self._is_named)

    def apply(self, scope: "Scope") -> None:
        """Set `client`, `scheme` and `host` of an ASGI scope, and remove the forwarded headers from it."""
        forwarded: dict[bytes, list[str]] = {}
        kept = []
        for pair in scope["headers"]:
            if pair[0] in FORWARDED_HEADERS:
                forwarded.setdefault(pair[0], []).append(pair[1].decode("latin-1"))
            else:
                kept.append(pair)
        if forwarded:
            scope["headers"] = kept
        is_trusted = self.trusts(scope)
        if scope["client"] and not scope["client"][0]:
            scope["client"] = (UNIX_PEER, 0)  # the server has no address for it
        if not is_trusted:
            return
        scope[TRUSTED_PEER_KEY] = True  # type: ignore[literal-required]
        if forwarded:
            info = self._parse_forwarded(forwarded)
            scope[UNKNOWN_CLIENT_KEY] = info.address is None  # type: ignore[literal-required]
            self._apply(scope, info)

    def trusts(self, scope: "Scope") -> bool:
        """Return whether the peer of a connection, as the socket reports it, is a trusted proxy."""
        peer = scope.get("client")
        if peer and not peer[0]:
            return self._trusts_unix
        return bool(self._networks and peer) and self._is_trusted(peer[0])  # type: ignore[index]

    def _is_named(self, address: str) -> bool:
        found = parse(address)
        return found is not None and any(
            found.version == network.version and found in network for network in self._networks
        )

    def _parse_forwarded(self, forwarded: Mapping[bytes, list[str]]) -> ForwardedInfo:
        plain = ForwardedInfo(
            self._client(
                ",".join(forwarded.get(b"x-forwarded-for", ())).rsplit(",", MAX_HOPS)[::-1]
            ),
            _same(forwarded.get(b"x-forwarded-proto", ()), _scheme),
            _same(forwarded.get(b"x-forwarded-host", ()), valid_host),
        )
        standard = forwarded.get(b"forwarded")
        if standard is None:
            return plain
        other = self._forwarded(",".join(standard))
        if not any(name.startswith(b"x-forwarded-") for name in forwarded):
            return other
        # A proxy writes one of the two and passes on the other as the client sent it. Which one is not known here, so
        # they are used only if they agree.
        return plain if other.address == plain.address else ForwardedInfo()

    def _forwarded(self, text: str) -> ForwardedInfo:
        """Return what the proxy nearest to the client reports. Source: RFC 7239."""
        hops = _elements(text)
        if not hops or len(hops) > MAX_HOPS:
            return ForwardedInfo()
        for hop in reversed(hops):
            address = parse(hop.get("for", ""))
            if address is None:
                return ForwardedInfo()
            seen = ForwardedInfo(
                str(address), _scheme(hop.get("proto", "")), valid_host(hop.get("host", ""))
            )
            if not self._is_trusted(seen.address or ""):
                break
        return seen

    def _client(self, hops: Iterable[str]) -> str | None:
        """Return the first address, from the right, that is not a trusted proxy's; None if an invalid one comes before."""
        seen = None
        for count, hop in enumerate(hops):
            address = parse(hop.strip()) if count < MAX_HOPS else None
            if address is None:
                return None
            seen = str(address)
            if not self._is_trusted(seen):
                break
        return seen

    @staticmethod
    def _apply(scope: "Scope", forwarded: ForwardedInfo) -> None:
        if forwarded.address:
            scope["client"] = (forwarded.address, 0)
        if forwarded.scheme:
            is_socket = scope["type"] == "websocket"  # type: ignore[comparison-overlap]
            scope["scheme"] = _SCHEMES[forwarded.scheme][is_socket]
        if forwarded.host:
            others = [pair for pair in scope["headers"] if pair[0] != b"host"]
            scope["headers"] = [(b"host", forwarded.host.encode()), *others]


def parse(text: str) -> Address | None:
    """Return the address in a text with or without a port; None for anything else. IPv4-mapped IPv6 becomes IPv4."""
    if bare := _WITH_PORT.match(text):
        text = bare[1] or bare[2]
    if "%" in text:
        return None  # a zone: valid only on one machine, and may be any text
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def client_address(scope: Mapping[str, Any]) -> str:
    """Return the client's address of a request or socket, as trusted proxies report it; `unknown` without one."""
    client = scope.get("client")
    if not client:
        return UNKNOWN_ADDRESS
    host = str(client[0])
    return host[7:] if host.startswith("::ffff:") and "." in host else host


def is_client_known(scope: Mapping[str, Any]) -> bool:
    """Return whether `client_address` is the client's.

    It is the proxy's if a trusted proxy has passed on a request without a usable address, such as one whose headers
    contradict each other, which any client can cause.
    """
    return not scope.get(UNKNOWN_CLIENT_KEY, False)


def from_trusted_proxy(request: Any) -> bool:
    """Return whether a request, a socket or an ASGI scope came through a proxy in `server.trusted_proxies`."""
    return bool(getattr(request, "scope", request).get(TRUSTED_PEER_KEY))


def valid_host(text: str) -> str | None:
    """Return the `Host` of a request in lower case, or None if it is not a valid one."""
    return text.lower() if _HOST.match(text) else None


def _scheme(text: str) -> str | None:
    word = text.lower()
    return word if word in _SCHEMES else None


def _same(values: Sequence[str], read: Any) -> str | None:
    """Return the one value that all of these headers have, or None if they differ."""
    found = {read(part.strip()) for value in values for part in value.split(",")}
    return found.pop() if len(found) == 1 else None


def _elements(text: str) -> list[dict[str, str]] | None:
    """Return the hops of a `Forwarded` header, each as its pairs; None if it is malformed."""
    hops: list[dict[str, str]] = [{}]
    at = 0
    while at < len(text):
        pair = _PAIR.match(text, at)
        if pair is None or pair[1].lower() in hops[-1]:
            return None
        value = pair[2]
        if value.startswith('"'):
            value = re.sub(r"\\(.)", r"\1", value[1:-1])
        hops[-1][pair[1].lower()] = value
        if pair[3] == ",":
            hops.append({})
        at = pair.end()
    return hops


def _network(text: str) -> Any:
    try:
        return ip_network(text)
    except ValueError:
        reason = f"{text!r} is not an address or network; write those of your proxies, such as 10.0.0.5 or 10.0.0.0/24"
        if text == "*":
            reason = (
                "'*' would let every client choose its address; write the addresses of your proxies"
            )
        raise BadSettings([Problem("server.trusted_proxies", reason)]) from None
