"""Where a request comes from, as far as limits are concerned."""

import ipaddress

#: Somebody with IPv6 has at least this much of it: 64 bits of addresses to come from.
IPV6_PREFIX = 64


def network_of(address: str) -> str:
    """What counts as one place: an IPv4 address, or 64 bits of IPv6."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, IPV6_PREFIX), strict=False).network_address)
