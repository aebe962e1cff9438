"""Public Internet addresses. All others are private, reserved, or reachable only from this machine."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

# Source: the IANA registries of special-purpose addresses. Listed by hand, because the standard library's idea of
# them differs between versions of Python, and counts multicast as global.
_CLOSED_4 = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",        # this network
        "10.0.0.0/8",       # private
        "100.64.0.0/10",    # shared by providers; some clouds keep their metadata here
        "127.0.0.0/8",      # this machine
        "168.63.129.16/32", # a cloud's link to its virtual machines
        "169.254.0.0/16",   # this link; most clouds keep their metadata here
        "172.16.0.0/12",    # private
        "192.0.0.0/24",     # protocol assignments; one cloud's metadata
        "192.0.2.0/24",     # documentation
        "192.88.99.0/24",   # relays from 6to4
        "192.168.0.0/16",   # private
        "198.18.0.0/15",    # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",   # documentation
        "224.0.0.0/4",      # multicast
        "240.0.0.0/4",      # reserved, broadcast
    )
)  # fmt: skip
_OPEN_6 = ip_network("2000::/3")
_CLOSED_6 = tuple(
    ip_network(text)
    for text in (
        "2001::/23",        # protocol assignments: Teredo, ORCHID
        "2001:db8::/32",    # documentation
        "2002::/16",        # 6to4: contains any IPv4 address
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",        # documentation
    )
)  # fmt: skip
#: An IPv4 address as networks without IPv4 write it. Source: RFC 6052.
_NAT64 = ip_network("64:ff9b::/96")


def is_public(text: str) -> bool:
    """Return whether this is a public Internet address. IPv4-mapped IPv6 and NAT64 addresses are checked as IPv4."""
    try:
        address = ip_address(text)
    except ValueError:
        return False
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped
        if inner is None and address in _NAT64:
            inner = IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is None:
            return address in _OPEN_6 and not any(address in closed for closed in _CLOSED_6)
        address = inner
    return address.is_global and not any(address in closed for closed in _CLOSED_4)
