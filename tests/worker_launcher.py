"""Stands for the interpreter of a worker: has it forked, and ends with its exit code.

`python worker_launcher.py SOCKET -u -c LINE`. If the origin at the socket cannot fork, it becomes an interpreter with
the other arguments. It imports nothing of the tests, because it is started for each worker.
"""

import os
import socket
import struct
import sys

#: As in `tests.forked_processes`.
MESSAGE = struct.Struct("!ci")


def main() -> None:
    """Send the standard streams to the origin, and wait for the end of the worker."""
    path, *words = sys.argv[1:]
    reports, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    started = b""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as origin:
            origin.connect(path)
            socket.send_fds(origin, [words[-1].encode()], [0, 1, 2, theirs.fileno()])
            theirs.close()
            started = reports.recv(MESSAGE.size)
    except OSError:
        pass  # it has ended
    if not started:
        os.execv(sys.executable, [sys.executable, *words])
    # The process that reads from the worker must see its end.
    os.close(0)
    os.close(1)
    ended = reports.recv(MESSAGE.size)
    os._exit(MESSAGE.unpack(ended)[1] & 255 if ended else 1)


main()
