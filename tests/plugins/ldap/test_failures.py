"""Directories that are away, silent, slow or strange, and people who try passwords."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.plugins.ldap import certificates
from tests.plugins.ldap.conftest import Place
from tests.plugins.ldap.test_sign_in import FAILED, INVALID_CRED, enter, sign_in

from portico_ldap.protocol.ber import element, integer, octets

OFF = {"PORTICO_RATE_LIMITS_ENABLED": "false"}
CLEAR = {"LDAP_USE_TLS": "false", "LDAP_CA_CERT_FILE": ""}


@contextlib.contextmanager
def impostor(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    """Something that listens and answers each connection like this. Yields its port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        kept: list[socket.socket] = []

        def accept() -> None:
            while True:
                try:
                    peer, _ = listening.accept()
                except OSError:
                    return
                kept.append(peer)
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
            for peer in kept:
                peer.close()


def saying(data: bytes) -> Callable[[socket.socket], None]:
    """Answers whatever is asked with this, and hangs up."""

    def answer(peer: socket.socket) -> None:
        peer.recv(4096)
        peer.sendall(data)
        peer.shutdown(socket.SHUT_WR)
        peer.recv(4096)

    return answer


def silent(peer: socket.socket) -> None:
    """Takes all, gives nothing."""
    while peer.recv(4096):
        pass


def response(tag: int, number: int, code: int = 0) -> bytes:
    result = integer(code, 0x0A) + octets("") + octets("")
    return element(0x30, integer(number), element(tag, result))


def pointing_at(pure: Place, port: int, **more: str) -> dict[str, str]:
    return pure.settings(LDAP_SERVER_PORT=str(port), **(CLEAR | more))


STRANGE: list[bytes] = [
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


def test_a_directory_that_talks_strangely_is_answered_as_one_that_failed(
    opened: Any, pure: Place
) -> None:
    says = iter(STRANGE)
    with impostor(lambda peer: saying(next(says))(peer)) as port:
        client = opened(pointing_at(pure, port, LDAP_SERVER_HOST="127.0.0.1", **OFF)).client
        for data in STRANGE:
            answer = sign_in(client)
            assert (answer.status, answer.detail) == (502, FAILED), data[:40]


def test_success_without_an_entry_lets_nobody_in(opened: Any, pure: Place) -> None:
    yes = response(0x61, 1) + response(0x65, 2) + response(0x61, 3)
    with impostor(saying(yes)) as port:
        answer = sign_in(opened(pointing_at(pure, port)).client)
    assert (answer.status, answer.detail) == (400, INVALID_CRED)


def test_a_directory_that_is_away_is_answered_as_one_that_failed(opened: Any, pure: Place) -> None:
    with socket.create_server(("127.0.0.1", 0)) as one:
        port = one.getsockname()[1]
    answer = sign_in(opened(pointing_at(pure, port)).client)
    assert (answer.status, answer.detail) == (502, FAILED)
    nowhere = opened(pointing_at(pure, port, LDAP_SERVER_HOST="nowhere.invalid"))
    assert sign_in(nowhere.client).status == 502


def test_a_silent_directory_is_given_up_in_time(opened: Any, pure: Place) -> None:
    with impostor(silent) as port:
        app = opened(pointing_at(pure, port, PORTICO_LDAP_TIMEOUT="0.3"))
        answer = sign_in(app.client)
        assert (answer.status, answer.detail) == (504, FAILED)
        encrypted = pure.settings(LDAP_SERVER_PORT=str(port), PORTICO_LDAP_TIMEOUT="0.3")
        assert sign_in(opened(encrypted).client).status == 504


def test_a_crowd_before_a_silent_directory_holds_up_nobody_else(opened: Any, pure: Place) -> None:
    limits = {"PORTICO_LDAP_AT_ONCE": "2", "PORTICO_LDAP_WAITING": "3", "PORTICO_LDAP_TIMEOUT": "2"}
    with impostor(silent) as port:
        client = opened(pointing_at(pure, port, **limits, **OFF)).client
        ada = client.sign_up("Ada")
        with ThreadPoolExecutor(12) as pool:
            waiting = [pool.submit(sign_in, client, f"user{n}", "x") for n in range(12)]
            # All of this is answered while the crowd is waiting.
            assert ada.get("/api/v1/auths/").status == 200
            assert client.sign_in("Ada").get("/api/v1/chats/").status == 200
            assert not all(one.done() for one in waiting)
            answers = [one.result() for one in waiting]
    statuses = [answer.status for answer in answers]
    assert statuses.count(504) == 5 and statuses.count(429) == 7
    assert all(a.headers["retry-after"] for a in answers if a.status == 429)


def test_a_certificate_of_somebody_else_is_not_believed(
    opened: Any, directory: Place, tmp_path: Path
) -> None:
    stranger, _ = certificates.make(tmp_path, "stranger", "localhost")
    for settings in (
        directory.settings(LDAP_CA_CERT_FILE=str(stranger)),
        directory.settings(LDAP_CA_CERT_FILE=""),
        directory.settings(
            LDAP_CA_CERT_FILE=str(stranger),
            LDAP_SERVER_PORT=str(directory.plain),
            PORTICO_LDAP_START_TLS="true",
        ),
    ):
        answer = sign_in(opened(settings).client)
        assert (answer.status, answer.detail) == (502, FAILED)
    unchecked = directory.settings(LDAP_CA_CERT_FILE="", LDAP_VALIDATE_CERT="false")
    assert sign_in(opened(unchecked).client).status == 200


def test_a_certificate_for_another_name_is_not_believed(opened: Any, pure: Place) -> None:
    """The same machine under another name, for which the certificate says nothing."""
    other = pure.settings(LDAP_SERVER_HOST="127.1")
    assert sign_in(opened(other).client).status == 502
    assert sign_in(opened(other | {"LDAP_VALIDATE_CERT": "false"}).client).status == 200


def test_what_is_said_before_the_encryption_begins_is_not_believed(
    opened: Any, pure: Place
) -> None:
    with impostor(saying(response(0x78, 1) + response(0x61, 2))) as port:
        settings = pure.settings(LDAP_SERVER_PORT=str(port), PORTICO_LDAP_START_TLS="true")
        assert sign_in(opened(settings).client).status == 502


def test_a_directory_that_will_not_encrypt_is_told_no_password(opened: Any, pure: Place) -> None:
    heard: list[bytes] = []

    def answer(peer: socket.socket) -> None:
        heard.append(peer.recv(4096))
        peer.sendall(response(0x78, 1, 53))
        heard.append(peer.recv(4096))

    with impostor(answer) as port:
        settings = pure.settings(LDAP_SERVER_PORT=str(port), PORTICO_LDAP_START_TLS="true")
        assert sign_in(opened(settings).client).status == 502
    assert b"secret" not in b"".join(heard)


def test_a_wrong_password_of_the_application_is_the_operators_trouble(
    opened: Any, directory: Place
) -> None:
    for change in ({"LDAP_APP_PASSWORD": "wrong"}, {"LDAP_APP_PASSWORD": ""}):
        answer = sign_in(opened(directory.settings(**change)).client)
        assert (answer.status, answer.detail) == (502, FAILED)


def test_AB_10_a_password_is_tried_whether_there_is_somebody_or_not(
    opened: Any, pure: Place
) -> None:
    heard: list[bytes] = []

    def answer(peer: socket.socket) -> None:
        for reply in (response(0x61, 1), response(0x65, 2), response(0x61, 3, 49)):
            heard.append(peer.recv(4096))
            peer.sendall(reply)

    with impostor(answer) as port:
        refused = sign_in(opened(pointing_at(pure, port)).client, "nobody", "a-guess")
    assert (refused.status, refused.detail) == (400, INVALID_CRED)
    assert b"cn=nobody-" in heard[2] and b"a-guess" in heard[2]


def test_AB_11_tries_of_somebody_elsewhere_do_not_lock_anybody_out(
    opened: Any, pure: Place
) -> None:
    app = opened(pure.settings())
    attacker = app.client_at("127.0.0.2")
    refused = [sign_in(attacker, "ben", "wrong").status for _ in range(60)]
    assert refused[0] == 400 and refused[-1] == 429
    assert sign_in(app.client, "ben").status == 200
    assert sign_in(attacker, "ben").status == 429


def test_AB_12_somebody_who_sprays_passwords_is_slowed_down(opened: Any, pure: Place) -> None:
    client = opened(pure.settings()).client
    answers = [sign_in(client, f"user{n}", "wrong") for n in range(60)]
    refused = [answer for answer in answers if answer.status == 429]
    assert refused and refused[0].headers["retry-after"]
    assert {answer.status for answer in answers} == {400, 429}


def test_AB_13_another_address_in_a_header_is_still_the_same_one(opened: Any, pure: Place) -> None:
    client = opened(pure.settings()).client
    form = {"user": "ben", "password": "wrong"}
    headers = ("x-forwarded-for", "x-real-ip", "cf-connecting-ip")
    statuses = [
        client.post("/api/v1/auths/ldap", form, headers={headers[n % 3]: f"10.0.0.{n}"}).status
        for n in range(40)
    ]
    assert statuses[-1] == 429


def test_no_password_is_in_the_log(
    opened: Any, pure: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    client = opened(pure.settings(GLOBAL_LOG_LEVEL="debug")).client
    enter(client, "ada")
    sign_in(client, "ada", "a-wrong-secret")
    with impostor(silent) as port:
        app = opened(pointing_at(pure, port, PORTICO_LDAP_TIMEOUT="0.2", GLOBAL_LOG_LEVEL="debug"))
        sign_in(app.client)
    said = capsys.readouterr()
    assert "ldap" in said.err
    assert "ada-secret" not in said.err and "wrong-secret" not in said.err
    assert "app-secret" not in said.err
