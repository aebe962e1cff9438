"""Access to the TCP sockets of this process, which the server has opened and offers no access to."""

import os
import socket
import stat
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from typing import Any

#: Bytes of a response that the kernel buffers before the client has confirmed earlier ones.
UNSENT_BYTES = 64 * 1024


def close_stalled_connections(port: int, seconds: float) -> None:
    """Have the kernel close connections to this port whose client reads nothing for `seconds`.

    This covers the last part of a response, which the application has already handed over, and limits the buffer of
    each slow connection. Applies to connections accepted from now on, and only on systems with these socket options.
    """
    for found in _sockets():
        if _listens_on(found, port):
            for option, value in (
                ("TCP_USER_TIMEOUT", int(seconds * 1000)),
                ("TCP_NOTSENT_LOWAT", UNSENT_BYTES),
            ):
                if (number := getattr(socket, option, None)) is not None:
                    with suppress(OSError):
                        found.setsockopt(socket.IPPROTO_TCP, number, value)


def is_listening(port: int) -> bool:
    """Return whether this process accepts connections to this port."""
    return any(_listens_on(found, port) for found in _sockets())


def shut_down(peer: tuple[str, str | int]) -> None:
    """Close the connection with this address and port, and discard what is still to be sent on it.

    Granian has the port as a text.
    """
    for found in _sockets():
        with suppress(OSError, ValueError):
            if _same(found.getpeername(), peer):
                found.shutdown(socket.SHUT_RDWR)


def _sockets() -> Iterator[socket.socket]:
    """Yield a duplicate of each TCP socket of this process. It is closed when the next one is asked for."""
    for entry in list(Path("/dev/fd").iterdir()):
        found = _duplicate(int(entry.name))
        if found is not None:
            with found:
                if found.family in (socket.AF_INET, socket.AF_INET6):
                    yield found


def _duplicate(handle: int) -> socket.socket | None:
    """Return a duplicate of a socket; None if the handle is none, or was closed since.

    Files are not duplicated: closing the duplicate would end the locks that this process has on them, such as SQLite's.
    """
    try:
        if not stat.S_ISSOCK(os.fstat(handle).st_mode):
            return None
        return socket.socket(fileno=os.dup(handle))
    except OSError:
        return None


def _listens_on(found: socket.socket, port: int) -> bool:
    with suppress(OSError):
        listens = found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        return bool(listens) and found.getsockname()[1] == port
    return False


def _same(one: Any, other: Any) -> bool:
    return int(one[1]) == int(other[1]) and _plain(one[0]) == _plain(other[0])


def _plain(address: str) -> object:
    found = ip_address(address)
    return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found
