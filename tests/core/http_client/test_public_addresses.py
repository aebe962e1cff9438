"""Public and private addresses in all notations."""

from ipaddress import IPv4Address, IPv6Address, ip_network

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from portico.http_client import is_public

PRIVATE = [
    "127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
    "169.254.169.254", "168.63.129.16", "100.64.0.1", "100.100.100.200", "192.0.0.192", "198.18.0.1", "192.0.2.1",
    "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "192.88.99.1",
    "::", "::1", "::ffff:7f00:1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::7f00:1", "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe", "64:ff9b:1::7f00:1", "2002:7f00:1::", "2002:0a00:0001::1", "2001::1", "2001:10::1",
    "fe80::1", "fe80::1%eth0", "febf::1", "fec0::1", "fc00::1", "fd00:ec2::254", "ff02::1", "ff0e::1",
    "2001:db8::1", "3fff::1", "100::1", "5f00::1", "::ffff:0:127.0.0.1",
    "localhost", "", "0x7f.1", "2130706433", "017700000001", "127.1", "1.1.1.1 ", "1.1.1.1\n", "１.1.1.1",
]  # fmt: skip
PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "93.184.216.34",
    "168.63.129.17",
    "100.63.255.255",
    "100.128.0.1",
    "172.32.0.1",
]
PUBLIC += ["2606:4700::1111", "2a00:1450::1", "::ffff:1.1.1.1", "64:ff9b::101:101", "2001:200::1"]


@pytest.mark.parametrize("address", PRIVATE)
@pytest.mark.case("AB-45")
def test_private_addresses_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_internet_addresses_are_public(address: str) -> None:
    assert is_public(address)


@given(st.ip_addresses(v=4))
@pytest.mark.case("AB-45")
def test_mapped_ipv4_address_is_checked_as_ipv4(address: IPv4Address) -> None:
    plain = is_public(str(address))
    number = int(address)
    for network in ("::ffff:0:0/96", "64:ff9b::/96"):
        mapped = IPv6Address(int(ip_network(network).network_address) + number)
        for spelled in (str(mapped), mapped.exploded, str(mapped).upper()):
            assert is_public(spelled) == plain
    # 6to4 and IPv4-compatible addresses are always refused.
    assert not is_public(str(IPv6Address((0x2002 << 112) + (number << 80))))
    assert not is_public(str(IPv6Address(number)))


@given(st.ip_addresses(v=6))
@example(IPv6Address("2001:1ff:ffff::"))
def test_only_allocated_global_addresses_are_public(address: IPv6Address) -> None:
    if is_public(str(address)) and address.ipv4_mapped is None:
        assert address in ip_network("2000::/3") or address in ip_network("64:ff9b::/96")
        assert not (address.is_private or address.is_multicast or address.is_link_local)


@given(st.ip_addresses(v=4))
def test_no_private_address_is_public(address: IPv4Address) -> None:
    if address.is_private or address.is_multicast or address.is_reserved or address.is_loopback:
        assert not is_public(str(address))


@given(st.text())
def test_arbitrary_text_is_not_public(text: str) -> None:
    is_public(text)
