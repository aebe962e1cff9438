"""Bytes that are no HTTP, or stop being HTTP half-way: 400 and closed, and nothing for the log to cry about."""

import contextlib
import json
import socket
import struct
from urllib.parse import urlsplit

import pytest

from portico.testing import Client, ServerProcess

# Nothing of it is about the database.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

SIGN_IN = b"POST /api/v1/auths/signin HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
CHUNKED = b"transfer-encoding: chunked\r\n\r\n"

BROKEN = {
    "no chunk": SIGN_IN + CHUNKED + b"zz\r\n{}\r\n0\r\n\r\n",
    "a negative chunk": SIGN_IN + CHUNKED + b"-2\r\n{}\r\n0\r\n\r\n",
    "a chunk beyond all numbers": SIGN_IN + CHUNKED + b"f" * 18 + b"\r\n{}\r\n0\r\n\r\n",
    "a chunk longer than it says": SIGN_IN + CHUNKED + b"2\r\n{}XX0\r\n\r\n",
    "a chunk that breaks later": SIGN_IN + CHUNKED + b'2\r\n{"\r\nzz\r\n{}\r\n0\r\n\r\n',
    "two lengths": SIGN_IN + b"content-length: 2\r\ncontent-length: 3\r\n\r\n{}",
    "a length that is none": SIGN_IN + b"content-length: x\r\n\r\n{}",
    "a length with a sign": SIGN_IN + b"content-length: +2\r\n\r\n{}",
    "another encoding last": SIGN_IN
    + b"transfer-encoding: chunked, gzip\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "chunks in HTTP/1.0": SIGN_IN.replace(b"1.1", b"1.0") + CHUNKED + b"2\r\n{}\r\n0\r\n\r\n",
    "TLS": b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03\r\n\r\n",
    "a word": b"HELLO\r\n\r\n",
    "a blank before a colon": b"GET /health HTTP/1.1\r\nhost : x\r\n\r\n",
    "NUL in a header": b"GET /health HTTP/1.1\r\nhost: x\r\na: \x00\r\n\r\n",
    "a path that is no ASCII": b"GET /health\xff HTTP/1.1\r\nhost: x\r\n\r\n",
}


def tell(server: ServerProcess, said: bytes, *, hang_up: bool = False) -> bytes:
    """What a server answers before it closes the connection. `hang_up`: nothing more is sent."""
    where = urlsplit(server.url)
    heard = b""
    with socket.create_connection((where.hostname, where.port), timeout=20) as connection:
        connection.sendall(said)
        if hang_up:
            connection.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionResetError):
            while piece := connection.recv(1 << 16):
                heard += piece
    return heard


def errors(server: ServerProcess) -> list[str]:
    """The lines of the log that an operator would have to read."""
    return [line for line in server.log_text.splitlines() if '"level": "error"' in line]


def with_credentials(said: bytes, client: Client) -> bytes:
    """The same to a route that takes bodies from those who are signed in."""
    given = f"host: x\r\nauthorization: Bearer {client.token}\r\n".encode()
    return said.replace(b"/api/v1/auths/signin", b"/api/chat/completions").replace(
        b"host: x\r\n", given
    )


def test_bytes_that_are_not_http_are_400_and_end_the_connection(server: ServerProcess) -> None:
    ada = server.client.sign_up("Ada")
    for name, said in BROKEN.items():
        for spoken in (said, with_credentials(said, ada)):
            heard = tell(server, spoken)
            assert heard.startswith(b"HTTP/1.1 400 "), (name, heard)
            assert b"\r\nconnection: close\r\n" in heard.lower(), name
            assert heard.count(b"HTTP/1.1") == 1, name
    assert errors(server) == []
    assert ada.get("/health").status == 200


def test_body_that_breaks_off_is_400_and_affects_no_other_request(
    server: ServerProcess,
) -> None:
    ada = server.client.sign_up("Ada")
    for framing in (b"content-length: 500\r\n\r\n{", CHUNKED + b"5\r\n{", CHUNKED + b"1\r\n{\r\n"):
        for spoken in (SIGN_IN + framing, with_credentials(SIGN_IN + framing, ada)):
            head, _, body = tell(server, spoken, hang_up=True).partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 400 ") and b"\r\nconnection: close" in head.lower()
            assert json.loads(body)["detail"] == "The request is incomplete or malformed."
            where = urlsplit(server.url)
            with socket.create_connection((where.hostname, where.port)) as connection:
                connection.sendall(spoken)
                # Not a goodbye but a reset.
                option = struct.pack("ii", 1, 0)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, option)
    assert ada.get("/api/v1/auths/").status == 200
    assert errors(server) == []


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_content_length_beside_chunks_smuggles_no_request(
    server: ServerProcess, order: tuple[int, int]
) -> None:
    headers = (b"content-length: 4\r\n", b"transfer-encoding: chunked\r\n")
    framed = SIGN_IN + headers[order[0]] + headers[order[1]] + b"\r\n"
    smuggled = b"GET /api/version HTTP/1.1\r\nhost: x\r\n\r\n"
    heard = tell(server, framed + b"2\r\n{}\r\n0\r\n\r\n" + smuggled)
    assert heard.startswith(b"HTTP/1.1 4") and heard.count(b"HTTP/1.1") == 1
    assert errors(server) == []
