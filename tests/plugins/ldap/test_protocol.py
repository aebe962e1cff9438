"""The LDAP protocol: requests are encoded as in the standards, and invalid responses are refused."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portico_ldap.protocol import (
    BadFilter,
    ProtocolError,
    common_name,
    equals,
    normalize_dn,
    read_filters,
)
from portico_ldap.protocol.ber import element, elements, extent, integer, number
from portico_ldap.protocol.messages import bind, read_entry, read_message, read_result


@given(st.integers(1 - 2**31, 2**31 - 1))
def test_integers_survive_round_trip(value: int) -> None:
    ((_, body),) = elements(integer(value))
    assert number(body) == value


@given(st.binary(max_size=300))
def test_octets_survive_round_trip(value: bytes) -> None:
    assert list(elements(element(0x04, value))) == [(0x04, value)]


def test_length_uses_as_few_bytes_as_possible() -> None:
    for size, head in (
        (127, b"\x04\x7f"),
        (128, b"\x04\x81\x80"),
        (70_000, b"\x04\x83\x01\x11\x70"),
    ):
        assert element(0x04, b"x" * size).startswith(head)
        assert extent(head) == (len(head), len(head) + size)


@pytest.mark.parametrize(
    "head", [b"\x30\x80", b"\x30\x84\xff\xff\xff\xff", b"\x30\xff", b"\x1f\x01\x00", b"\x3f\x81"]
)
def test_unsupported_lengths_and_tags_are_refused(head: bytes) -> None:
    with pytest.raises(ProtocolError):
        extent(head + b"\x00" * 8)


@settings(max_examples=500)
@given(st.binary(max_size=200))
def test_arbitrary_bytes_raise_protocol_error_only(body: bytes) -> None:
    try:
        message = read_message(body)
        read_result(message)
    except ProtocolError:
        pass
    try:
        read_entry(read_message(b"\x02\x01\x01" + element(0x64, body)))
    except ProtocolError:
        pass


def test_bind_is_encoded_as_in_the_standard() -> None:
    assert bind(1, "cn=a", "pw").hex() == "3012020101600d0201030404636e3d6180027077"
    assert bind(1, "", "").hex() == "300c020101600702010304008000"


@pytest.mark.parametrize(("dn", "password"), [("cn=a", ""), ("", "pw")])
def test_bind_with_name_or_password_only_is_refused(dn: str, password: str) -> None:
    with pytest.raises(ValueError, match="needs both"):
        bind(1, dn, password)


@pytest.mark.parametrize("value", ["*)(uid=*", "\x00", "\\2a", "", "é", "a" * 500])
def test_user_input_is_one_value_of_one_attribute(value: str) -> None:
    ((tag, body),) = elements(equals("uid", value))
    assert (tag, list(elements(body))) == (0xA3, [(0x04, b"uid"), (0x04, value.encode())])


@pytest.mark.parametrize(
    ("text", "encoded"),
    [
        ("", []),
        ("(a=b)", ["a306" "040161" "040162"]),
        ("(a=b)(c=*)", ["a306" "040161" "040162", "870163"]),
        (r"(a=\2a\5C)", ["a307" "040161" "04022a5c"]),
        ("(&(a=b)(!(c=*)))", ["a00d" "a306040161040162" "a203" "870163"]),
        ("(|(a=b))", ["a108" "a306040161040162"]),
        ("(a=x*y*z)", ["a40e" "040161" "3009" "800178" "810179" "82017a"]),
        ("(a=*y*)", ["a408" "040161" "3003" "810179"]),
        ("(a=x*)", ["a408" "040161" "3003" "800178"]),
        ("(a>=1)", ["a506" "040161" "040131"]),
        ("(a<=1)", ["a606" "040161" "040131"]),
        ("(a~=1)", ["a806" "040161" "040131"]),
        ("(memberOf:1.2:=x)", ["a912" "8103312e32" "82086d656d6265724f66" "830178"]),
        ("(cn:dn:=x)", ["a90a" "8202636e" "830178" "8401ff"]),
        ("(a=)", ["a305" "040161" "0400"]),
    ],
)  # fmt: skip
def test_filter_is_encoded_as_in_the_standard(text: str, encoded: list[str]) -> None:
    if text.startswith("(memberOf"):
        encoded = ["a9128103312e3282086d656d6265724f66830178"]
    assert [one.hex() for one in read_filters(text)] == encoded


def test_filters_are_read_as_their_writers_mean_them() -> None:
    for lenient, strict in {
        " ( & (a=b)\n\t( | (c=d) (e=*) ) ( ! (f=g) ) ) ": "(&(a=b)(|(c=d)(e=*))(!(f=g)))",
        "(a=b) (c=d)\n": "(a=b)(c=d)",
        "( a = b )": "(a=b)",
        "(a=\n b c *\t)": "(a=b c *)",
        "(a:=  b )": "(a:=b)",
        r"(cn=a\ )": r"(cn=a\20)",
        "(cost_centre=7)": "(cost_centre=7)",
        r"(memberOf=cn=Sales\, EMEA,dc=x)": r"(memberOf=cn=Sales\5c, EMEA,dc=x)",
        r"(memberOf=cn=Sales\2C EMEA,dc=x)": r"(memberOf=cn=Sales\5c2C EMEA,dc=x)",
        r"(memberOf=cn=a,dc=x\ )": r"(memberOf=cn=a,dc=x\5c\20)",
        r"(memberOf=cn=a\\\+b\=c\#d\;e\ ,dc=x)": r"(memberOf=cn=a\5c\5c\5c+b\5c=c\5c#d\5c;e\5c ,dc=x)",
        r"(memberOf=cn=a \28b\29,dc=x)": r"(memberOf=cn=a \28b\29,dc=x)",
        r"(memberOf=cn=Sales\, *)": r"(memberOf=cn=Sales\5c, *)",
        r"(memberOf:1.2.840:=cn=a\,b,dc=x)": r"(memberOf:1.2.840:=cn=a\5c,b,dc=x)",
        r"(cn=Sales\, EMEA)": "(cn=Sales, EMEA)",
    }.items():
        assert read_filters(lenient) == read_filters(strict), lenient


@pytest.mark.parametrize(
    "text",
    ["a=b", "(a=b", "(a=b))", "()", "(a)", "(&)", "(!(a=b)(c=d))", "(=b)", "(a=\\zz)", "(a=\\)", "(a b=c)", "(a=b)x",
     "(a=**)", "(:=x)", "(a:dn=x)", "(" * 50, "(&" * 30 + "(a=b)" + ")" * 30, "(a=b)" * 2000, "(a=(b)", "(a=\x00)"],
)  # fmt: skip
def test_invalid_filters_are_refused(text: str) -> None:
    with pytest.raises(BadFilter):
        read_filters(text)


@given(st.text(alphabet="()&|!=*\\ab:1<>~ ", max_size=40))
def test_arbitrary_filter_text_raises_bad_filter_only(text: str) -> None:
    try:
        read_filters(text)
    except BadFilter:
        pass


@pytest.mark.parametrize(
    ("dn", "name"),
    [
        ("cn=staff,dc=example", "staff"),
        ("CN = staff , dc = example", "staff"),
        (r"cn=a\,b\+c\\d,dc=x", r"a,b+c\d"),
        (r"cn=\C3\A9t\c3\a9,dc=x", "été"),
        (r"cn=tail\ ,dc=x", "tail "),
        ("cn=#04026869,dc=x", "hi"),
        ("2.5.4.3=oid,dc=x", "oid"),
        ("ou=first+cn=second,dc=x", "second"),
        ("cn=a;dc=x", "a"),
        ("cn=with = sign,dc=x", "with = sign"),
        ("ou=staff,cn=parent", None),
        ("cn=,dc=x", None),
        ("staff", None),
        ("", None),
        ("cn", None),
        ("cn=a,", None),
        (r"cn=a\zz", None),
        (r"cn=\ff,dc=x", None),
        ("cn=a\\", None),
        ("cn=#0402,dc=x", None),
        ("cn=#zz,dc=x", None),
    ],
)
def test_common_name_is_read_from_distinguished_name(dn: str, name: str | None) -> None:
    assert common_name(dn) == name


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("cn=A, dc=X", "CN=a,DC=x", True),
        ("cn=a+ou=b,dc=x", "ou=b+cn=a,dc=x", True),
        (r"cn=\61,dc=x", "cn=a,dc=x", True),
        ("cn=a  b,dc=x", "cn=a b,dc=x", True),
        (r"cn=a\,dc=x", "cn=a,dc=x", False),
        ("cn=a,dc=x", "cn=a,dc=x,dc=y", False),
        ("cn=ab,dc=x", "cn=a,dc=x", False),
    ],
)
def test_equal_distinguished_names_normalize_alike(one: str, other: str, same: bool) -> None:
    assert (normalize_dn(one) == normalize_dn(other)) is same


@given(st.text(max_size=60))
def test_arbitrary_distinguished_names_raise_nothing(text: str) -> None:
    common_name(text)
    normalize_dn(text)
