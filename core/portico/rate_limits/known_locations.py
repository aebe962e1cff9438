"""Networks from which an account was signed in before. They stay allowed while the account is attacked from others."""

import ipaddress

from portico.db import execute, fetch_one, now

#: An IPv6 client has at least a /64 network of addresses.
IPV6_PREFIX = 64
RETENTION_DAYS = 90
#: Minimum time between two writes of the same location.
MIN_WRITE_SECONDS = 86400

_SEEN = "SELECT seen_at FROM portico_known_location WHERE id = $1"
_WRITE = (
    "INSERT INTO portico_known_location (id, seen_at) VALUES ($1, $2) "
    "ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at"
)


class KnownLocations:
    """Stores locations by their `RateLimits.location_id`."""

    async def contains(self, location_id: str) -> bool:
        """Return whether the account was signed in from this network within the last 90 days."""
        row = await fetch_one(_SEEN, location_id)
        return row is not None and row["seen_at"] >= now() - RETENTION_DAYS * 86400

    async def add(self, location_id: str) -> None:
        """Store a location after a sign-in, at most once a day."""
        row = await fetch_one(_SEEN, location_id)
        if row is None or row["seen_at"] < now() - MIN_WRITE_SECONDS:
            await execute(_WRITE, location_id, now())


def network_of(address: str) -> str:
    """Return an IPv4 address, or the /64 network of an IPv6 address."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv4Address):
        return str(ip)
    if ip.ipv4_mapped is not None:
        return str(ip.ipv4_mapped)
    return str(ipaddress.ip_network((ip, IPV6_PREFIX), strict=False).network_address)
