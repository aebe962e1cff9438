"""The network of a client address, as limits count it."""

import ipaddress

#: An IPv6 client has at least a /64 network of addresses.
IPV6_PREFIX = 64


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
