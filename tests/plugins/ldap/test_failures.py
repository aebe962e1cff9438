"""LDAP servers that are unavailable, silent, slow or send invalid data, and attackers who try passwords."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests import certificates
from tests.one_database import database_url  # noqa: F401 - a fixture
from tests.plugins.ldap.conftest import LdapTestServer
from tests.plugins.ldap.test_sign_in import FAILED, INVALID_CRED, sign_in, signed_in

from portico_ldap.protocol.ber import element, integer, octets

NO_RATE_LIMITS = {"PORTICO_RATE_LIMITS_ENABLED": "false"}
NO_TLS = {"LDAP_USE_TLS": "false", "LDAP_CA_CERT_FILE": ""}


@contextlib.contextmanager
def fake_server(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    """Run a server that handles each connection with `answer`. Yields its port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        connections: list[socket.socket] = []

        def accept() -> None:
            while True:
                try:
                    peer, _ = listening.accept()
                except OSError:
                    return
                connections.append(peer)
                threading.Thread(target=serve, args=(peer,), daemon=True).start()

        def serve(peer: socket.socket) -> None:
            with contextlib.suppress(OSError):
                answer(peer)

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield int(listening.getsockname()[1])
        finally:
            with contextlib.suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)
            for peer in connections:
                peer.close()


def answering_with(data: bytes) -> Callable[[socket.socket], None]:
    """Return a handler that answers any request with these bytes and closes the connection."""

    def answer(peer: socket.socket) -> None:
        peer.recv(4096)
        peer.sendall(data)
        peer.shutdown(socket.SHUT_WR)
        peer.recv(4096)

    return answer


def silent(peer: socket.socket) -> None:
    """Read all requests and answer none."""
    while peer.recv(4096):
        pass


def response(tag: int, number: int, code: int = 0) -> bytes:
    result = integer(code, 0x0A) + octets("") + octets("")
    return element(0x30, integer(number), element(tag, result))


def settings_for(python_server: LdapTestServer, port: int, **more: str) -> dict[str, str]:
    return python_server.settings(LDAP_SERVER_PORT=str(port), **(NO_TLS | more))


INVALID_RESPONSES: list[bytes] = [
    b"",
    b"HTTP/1.1 400 Bad Request\r\n\r\n",
    b"\x30\x80" + b"\x00" * 100,
    b"\x30\x83\xff\xff\xff" + b"\x00" * 1000,
    b"\x30\x03\x02\x01\x01",
    element(0x30, integer(7), element(0x61, integer(0, 0x0A), octets(""), octets(""))),
    response(0x61, 0),
    response(0x65, 1),
    response(0x78, 0, 52),
    response(0x61, 1, 52),
    response(0x61, 1, 10),
    response(0x61, 1, 49),
    response(0x61, 1)[:-3],
    response(0x61, 1) + response(0x65, 2, 10),
    response(0x61, 1) + response(0x65, 2, 32),
    b"\xff" * 3_000_000,
]


def test_invalid_ldap_responses_return_502(start_app: Any, python_server: LdapTestServer) -> None:
    responses = iter(INVALID_RESPONSES)
    with fake_server(lambda peer: answering_with(next(responses))(peer)) as port:
        client = start_app(
            settings_for(python_server, port, LDAP_SERVER_HOST="127.0.0.1", **NO_RATE_LIMITS)
        ).client
        for data in INVALID_RESPONSES:
            answer = sign_in(client)
            assert (answer.status, answer.detail) == (502, FAILED), data[:40]


def test_bind_success_without_entry_is_rejected(
    start_app: Any, python_server: LdapTestServer
) -> None:
    yes = response(0x61, 1) + response(0x65, 2) + response(0x61, 3)
    with fake_server(answering_with(yes)) as port:
        answer = sign_in(start_app(settings_for(python_server, port)).client)
    assert (answer.status, answer.detail) == (400, INVALID_CRED)


def test_unreachable_ldap_server_returns_502(start_app: Any, python_server: LdapTestServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as one:
        port = one.getsockname()[1]
    answer = sign_in(start_app(settings_for(python_server, port)).client)
    assert (answer.status, answer.detail) == (502, FAILED)
    nowhere = start_app(settings_for(python_server, port, LDAP_SERVER_HOST="nowhere.invalid"))
    assert sign_in(nowhere.client).status == 502


def test_silent_ldap_server_returns_504(start_app: Any, python_server: LdapTestServer) -> None:
    with fake_server(silent) as port:
        app = start_app(settings_for(python_server, port, PORTICO_LDAP_TIMEOUT="0.3"))
        answer = sign_in(app.client)
        assert (answer.status, answer.detail) == (504, FAILED)
        encrypted = python_server.settings(LDAP_SERVER_PORT=str(port), PORTICO_LDAP_TIMEOUT="0.3")
        assert sign_in(start_app(encrypted).client).status == 504


def test_requests_waiting_for_ldap_do_not_block_others(
    start_app: Any, python_server: LdapTestServer
) -> None:
    limits = {
        "PORTICO_LDAP_MAX_CONNECTIONS": "2",
        "PORTICO_LDAP_MAX_QUEUED": "3",
        "PORTICO_LDAP_TIMEOUT": "2",
    }
    with fake_server(silent) as port:
        client = start_app(settings_for(python_server, port, **limits, **NO_RATE_LIMITS)).client
        ada = client.sign_up("Ada")
        with ThreadPoolExecutor(12) as pool:
            waiting = [pool.submit(sign_in, client, f"user{n}", "x") for n in range(12)]
            # These requests are answered while the others wait.
            assert ada.get("/api/v1/auths/").status == 200
            assert client.sign_in("Ada").get("/api/v1/chats/").status == 200
            assert not all(one.done() for one in waiting)
            answers = [one.result() for one in waiting]
    statuses = [answer.status for answer in answers]
    assert statuses.count(504) == 5 and statuses.count(429) == 7
    assert all(a.headers["retry-after"] for a in answers if a.status == 429)


def test_certificate_of_unknown_authority_is_rejected(
    start_app: Any, ldap_server: LdapTestServer, tmp_path: Path
) -> None:
    other_ca, _ = certificates.make(tmp_path, "other_ca", "localhost")
    for settings in (
        ldap_server.settings(LDAP_CA_CERT_FILE=str(other_ca)),
        ldap_server.settings(LDAP_CA_CERT_FILE=""),
        ldap_server.settings(
            LDAP_CA_CERT_FILE=str(other_ca),
            LDAP_SERVER_PORT=str(ldap_server.plain),
            PORTICO_LDAP_START_TLS="true",
        ),
    ):
        answer = sign_in(start_app(settings).client)
        assert (answer.status, answer.detail) == (502, FAILED)
    unchecked = ldap_server.settings(LDAP_CA_CERT_FILE="", LDAP_VALIDATE_CERT="false")
    assert sign_in(start_app(unchecked).client).status == 200


def test_certificate_for_another_name_is_rejected(
    start_app: Any, python_server: LdapTestServer
) -> None:
    """The same host under a name that the certificate does not contain."""
    other = python_server.settings(LDAP_SERVER_HOST="127.1")
    assert sign_in(start_app(other).client).status == 502
    assert sign_in(start_app(other | {"LDAP_VALIDATE_CERT": "false"}).client).status == 200


def test_data_before_starttls_is_rejected(start_app: Any, python_server: LdapTestServer) -> None:
    with fake_server(answering_with(response(0x78, 1) + response(0x61, 2))) as port:
        settings = python_server.settings(LDAP_SERVER_PORT=str(port), PORTICO_LDAP_START_TLS="true")
        assert sign_in(start_app(settings).client).status == 502


def test_no_password_is_sent_if_starttls_is_refused(
    start_app: Any, python_server: LdapTestServer
) -> None:
    received: list[bytes] = []

    def answer(peer: socket.socket) -> None:
        received.append(peer.recv(4096))
        peer.sendall(response(0x78, 1, 53))
        received.append(peer.recv(4096))

    with fake_server(answer) as port:
        settings = python_server.settings(LDAP_SERVER_PORT=str(port), PORTICO_LDAP_START_TLS="true")
        assert sign_in(start_app(settings).client).status == 502
    assert b"secret" not in b"".join(received)


def test_wrong_application_password_returns_502(
    start_app: Any, ldap_server: LdapTestServer
) -> None:
    for change in ({"LDAP_APP_PASSWORD": "wrong"}, {"LDAP_APP_PASSWORD": ""}):
        answer = sign_in(start_app(ldap_server.settings(**change)).client)
        assert (answer.status, answer.detail) == (502, FAILED)


@pytest.mark.case("AB-10")
def test_password_is_tried_for_unknown_user_too(
    start_app: Any, python_server: LdapTestServer
) -> None:
    received: list[bytes] = []

    def answer(peer: socket.socket) -> None:
        for reply in (response(0x61, 1), response(0x65, 2), response(0x61, 3, 49)):
            received.append(peer.recv(4096))
            peer.sendall(reply)

    with fake_server(answer) as port:
        refused = sign_in(start_app(settings_for(python_server, port)).client, "absent", "a-guess")
    assert (refused.status, refused.detail) == (400, INVALID_CRED)
    assert b"cn=unknown-" in received[2] and b"a-guess" in received[2]


@pytest.mark.case("AB-11")
def test_attempts_from_one_address_do_not_lock_others_out(
    start_app: Any, python_server: LdapTestServer
) -> None:
    app = start_app(python_server.settings())
    attacker = app.client_at("127.0.0.2")
    refused = [sign_in(attacker, "ben", "wrong").status for _ in range(60)]
    assert refused[0] == 400 and refused[-1] == 429
    assert sign_in(app.client, "ben").status == 200
    assert sign_in(attacker, "ben").status == 429


@pytest.mark.case("AB-12")
def test_password_spraying_is_rate_limited(start_app: Any, python_server: LdapTestServer) -> None:
    client = start_app(python_server.settings()).client
    answers = [sign_in(client, f"user{n}", "wrong") for n in range(60)]
    refused = [answer for answer in answers if answer.status == 429]
    assert refused and refused[0].headers["retry-after"]
    assert {answer.status for answer in answers} == {400, 429}


@pytest.mark.case("AB-13")
def test_forwarded_headers_do_not_evade_rate_limit(
    start_app: Any, python_server: LdapTestServer
) -> None:
    client = start_app(python_server.settings()).client
    form = {"user": "ben", "password": "wrong"}
    headers = ("x-forwarded-for", "x-real-ip", "cf-connecting-ip")
    statuses = [
        client.post("/api/v1/auths/ldap", form, headers={headers[n % 3]: f"10.0.0.{n}"}).status
        for n in range(40)
    ]
    assert statuses[-1] == 429


def test_log_contains_no_password(
    start_app: Any, python_server: LdapTestServer, capsys: pytest.CaptureFixture[str]
) -> None:
    client = start_app(python_server.settings(GLOBAL_LOG_LEVEL="debug")).client
    signed_in(client, "ada")
    sign_in(client, "ada", "a-wrong-secret")
    with fake_server(silent) as port:
        app = start_app(
            settings_for(python_server, port, PORTICO_LDAP_TIMEOUT="0.2", GLOBAL_LOG_LEVEL="debug")
        )
        sign_in(app.client)
    output = capsys.readouterr()
    assert "ldap" in output.err
    assert "ada-secret" not in output.err and "wrong-secret" not in output.err
    assert "app-secret" not in output.err
