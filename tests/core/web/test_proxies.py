"""Client addresses: of the socket, and as trusted proxies report them."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.one_database import database_url  # noqa: F401 - a fixture

from portico.settings.problems import BadSettings
from portico.testing import Client
from portico.web.middleware.proxies import (
    FORWARDED_HEADERS,
    Proxies,
    client_address,
    from_trusted_proxy,
)

PROXY, INNER = "10.0.0.1", "10.0.0.2"


def scope(*headers: tuple[str, str], peer: str = PROXY, kind: str = "http") -> Any:
    pairs = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    scheme = "http" if kind == "http" else "ws"
    return {
        "type": kind,
        "client": (peer, 4711),
        "scheme": scheme,
        "headers": [(b"host", b"inside:8080"), *pairs],
    }


def applied(*headers: tuple[str, str], peer: str = PROXY, kind: str = "http") -> Any:
    made = scope(*headers, peer=peer, kind=kind)
    Proxies(["10.0.0.0/24", "2001:db8::/64"]).apply(made)
    return made


def client_of(*headers: tuple[str, str], peer: str = PROXY) -> str:
    return client_address(applied(*headers, peer=peer))


FORWARDED_FOR = "x-forwarded-for"


@pytest.mark.parametrize(
    ("value", "address"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("198.51.100.7:5555", "198.51.100.7"),
        (f"198.51.100.7, {INNER}", "198.51.100.7"),
        (f"1.1.1.1, 198.51.100.7, {INNER}", "198.51.100.7"),
        (f"nonsense, 198.51.100.7, {INNER}", "198.51.100.7"),
        (f"{INNER}, 10.0.0.3", INNER),
        ("2a00::1", "2a00::1"),
        ("[2a00::1]:443", "2a00::1"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("2A00:0:0::1", "2a00::1"),
    ],
)
def test_rightmost_untrusted_address_is_the_client(value: str, address: str) -> None:
    assert client_of((FORWARDED_FOR, value)) == address


@pytest.mark.parametrize(
    "value",
    [
        "", "unknown", "198.51.100.7.8", "198.51.100.7, ", "198.51.100.7,nonsense", "fe80::1%anything",
        "1.2.3.4\x00", "0x7f.1", "2130706433", "198.051.100.7", "198.51.100.7;10.0.0.2", "[::1", "localhost",
        ", ".join([INNER] * 1000), "1.1.1.1," + ",".join([INNER] * 32),
    ],
)  # fmt: skip
def test_invalid_address_keeps_the_peer_address(value: str) -> None:
    assert client_of((FORWARDED_FOR, value)) == PROXY


def test_repeated_headers_form_one_list() -> None:
    assert client_of((FORWARDED_FOR, "1.1.1.1"), (FORWARDED_FOR, "198.51.100.7")) == "198.51.100.7"


@pytest.mark.parametrize(
    ("value", "address"),
    [
        ("for=198.51.100.7", "198.51.100.7"),
        ('For="198.51.100.7:80";proto=https', "198.51.100.7"),
        ('for="[2a00::1]:443"', "2a00::1"),
        (f"for=1.1.1.1, for=198.51.100.7;by={PROXY}, for={INNER}", "198.51.100.7"),
        ("for=_hidden", PROXY),
        ("for=unknown", PROXY),
        ("proto=https", PROXY),
        ("for=198.51.100.7;for=1.1.1.1", PROXY),
        ("for=198.51.100.7,,", PROXY),
        ('for="198.51.100.7', PROXY),
        ("for=2a00::1", "2a00::1"),  # should be quoted, but is unambiguous
        (", ".join([f"for={INNER}"] * 1000), PROXY),
    ],
)
def test_forwarded_header_is_used(value: str, address: str) -> None:
    assert client_of(("forwarded", value)) == address


def test_contradicting_forwarded_headers_are_ignored() -> None:
    # A proxy appends to one of them and passes on the other as the client sent it; which one is not known.
    for other in ("for=6.6.6.6", "nonsense", "for=6.6.6.6;proto=https;host=evil.example"):
        made = applied((FORWARDED_FOR, "198.51.100.7"), ("forwarded", other))
        assert (client_address(made), made["scheme"]) == (PROXY, "http")
        assert dict(made["headers"])[b"host"] == b"inside:8080"
    agreed = applied((FORWARDED_FOR, "198.51.100.7"), ("forwarded", "for=198.51.100.7;host=evil"))
    assert client_address(agreed) == "198.51.100.7"
    assert dict(agreed["headers"])[b"host"] == b"inside:8080"


def test_scheme_and_host_are_those_of_the_client() -> None:
    forwarded = (("x-forwarded-proto", "https"), ("x-forwarded-host", "Chat.Example.org"))
    made = applied(*forwarded)
    assert (made["scheme"], dict(made["headers"])[b"host"]) == ("https", b"chat.example.org")
    assert applied(*forwarded, kind="websocket")["scheme"] == "wss"
    made = applied(("forwarded", "for=1.1.1.1;proto=https;host=chat.example.org"))
    assert (made["scheme"], dict(made["headers"])[b"host"]) == ("https", b"chat.example.org")


@pytest.mark.parametrize("proto", ["", "ftp", "https, http", "javascript", "https\x00"])
def test_invalid_scheme_is_ignored(proto: str) -> None:
    assert applied(("x-forwarded-proto", proto))["scheme"] == "http"


@pytest.mark.parametrize(
    "host",
    ["", "a b", "evil/..", "evil@good", "a,b", "é.example", "a\r\nb", "x?y", "x#y", "//x", "a:b"],
)
def test_invalid_host_is_ignored(host: str) -> None:
    made = applied(("x-forwarded-host", host))
    assert [value for name, value in made["headers"] if name == b"host"] == [b"inside:8080"]


HOSTILE = [
    (name.decode(), value)
    for name in FORWARDED_HEADERS
    for value in ("127.0.0.1", "for=127.0.0.1;proto=https;host=evil.example")
]


@pytest.mark.parametrize(("name", "value"), HOSTILE)
@pytest.mark.case("AB-13")
def test_untrusted_peer_headers_are_removed_and_ignored(name: str, value: str) -> None:
    for proxies in (Proxies(), Proxies(["10.0.0.0/24"])):
        made = scope((name, value), ("accept", "*/*"), peer="203.0.113.9")
        proxies.apply(made)
        assert (client_address(made), made["scheme"]) == ("203.0.113.9", "http")
        assert [pair[0] for pair in made["headers"]] == [b"host", b"accept"]
        assert not from_trusted_proxy(made)


@pytest.mark.case("AB-13")
def test_other_forwarding_headers_are_never_used() -> None:
    for name in ("x-real-ip", "cf-connecting-ip", "true-client-ip", "x-client-ip"):
        made = applied((name, "198.51.100.7"))
        assert client_address(made) == PROXY
        assert name.encode() not in dict(made["headers"])


@pytest.mark.case("AB-18")
def test_request_through_trusted_proxy_is_marked() -> None:
    assert from_trusted_proxy(applied())
    assert from_trusted_proxy(applied((FORWARDED_FOR, "198.51.100.7")))
    assert not from_trusted_proxy(applied(peer="203.0.113.9"))
    assert not from_trusted_proxy(applied((FORWARDED_FOR, INNER), peer="203.0.113.9"))
    assert from_trusted_proxy(applied(peer="::ffff:10.0.0.1"))
    assert from_trusted_proxy(applied(peer="2001:db8::7"))


def test_connection_without_address_is_not_trusted() -> None:
    made = scope((FORWARDED_FOR, "198.51.100.7"))
    made["client"] = None
    Proxies(["10.0.0.0/24"]).apply(made)
    assert (client_address(made), from_trusted_proxy(made)) == ("unknown", False)


@given(
    st.text(alphabet=st.characters(max_codepoint=255)), st.sampled_from(sorted(FORWARDED_HEADERS))
)
def test_arbitrary_text_raises_nothing(text: str, name: bytes) -> None:
    made = scope((name.decode(), text))
    Proxies(["10.0.0.0/24"]).apply(made)
    assert client_address(made)


@pytest.mark.parametrize(
    "named", ["*", "proxy.example.org", "10.0.0.1/24", "300.1.1.1", "10.0.0.0/33"]
)
def test_invalid_proxy_address_stops_the_start(named: str) -> None:
    with pytest.raises(BadSettings, match="server.trusted_proxies"):
        Proxies([named])


@pytest.mark.parametrize("trusted", ["203.0.113.9", "127.0.0.0/8, ::1"])
@pytest.mark.parametrize("variable", ["FORWARDED_ALLOW_IPS", "PORTICO_TRUSTED_PROXIES"])
class TestInAnApplication:
    @pytest.fixture
    def env(self, env: dict[str, str], variable: str, trusted: str) -> dict[str, str]:
        return env | {variable: trusted, "PORTICO_LOG_FORMAT": "json"}

    @pytest.mark.case("AB-13")
    def test_log_has_the_client_address(
        self, client: Client, trusted: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        client.get("/api/v1/auths/", headers={FORWARDED_FOR: "6.6.6.6", "x-real-ip": "7.7.7.7"})
        events = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
        found = [event["client"] for event in events if event["event"] == "request refused"]
        assert found == (["6.6.6.6"] if trusted.startswith("127") else ["127.0.0.1"])
