"""The TCP sockets of this process, which the server has opened."""

import socket

import pytest

from portico.web.middleware.tcp_sockets import is_listening, shut_down


@pytest.mark.parametrize("kind", [str, int])
def test_connection_is_shut_down_by_the_address_of_its_peer(kind: type) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert is_listening(port)
        with socket.create_connection(("127.0.0.1", port), 10) as client:
            accepted, (address, number) = server.accept()
            with accepted:
                shut_down((address, kind(number)))
                assert client.recv(1) == b""
