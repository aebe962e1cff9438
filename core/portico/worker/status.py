"""Answers `portico health --worker`: each worker listens on a socket in its data directory.

A process that answers is alive and its event loop runs. The database and Redis are not asked: while they are away a
worker waits for them, and ending it then would not help.
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import structlog

#: Seconds in which a worker must answer.
ANSWER_SECONDS = 5.0
MAX_ANSWER_BYTES = 1024
FOLDER = "workers"

log = structlog.get_logger("portico.worker")


class StatusSocket:
    """The socket of this worker. `status`: returns one sentence about it.

    Its name has the host and the process id, since containers may share a data directory.
    """

    def __init__(self, data_dir: Path, status: Callable[[], str]) -> None:
        self._folder, self._status = data_dir / FOLDER, status
        self._name = f"{_host()}-{os.getpid()}.sock"
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Listen. A failure is logged: the worker can do its work nevertheless."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._remove_left_behind()
            with _short_path(self._folder, self._name) as path:
                self._server = await asyncio.start_unix_server(self._answer, path)
        except OSError as error:
            log.warning(
                "`portico health --worker` cannot ask this worker",
                folder=str(self._folder),
                reason=error.strerror,
            )

    async def close(self) -> None:
        """Stop listening and remove the socket."""
        if self._server is not None:
            self._server.close()
            self._server = None
            (self._folder / self._name).unlink(missing_ok=True)

    async def _answer(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            writer.write(self._status().encode())
            await writer.drain()
        writer.close()

    def _remove_left_behind(self) -> None:
        """Remove the sockets of processes of this host that have ended, and of one that had the id of this one."""
        for path in self._folder.glob(f"{_host()}-*.sock"):
            pid = path.stem.rpartition("-")[2]
            if pid.isdigit() and (int(pid) == os.getpid() or not _exists(int(pid))):
                path.unlink(missing_ok=True)


async def ask_workers(data_dir: Path) -> tuple[bool, str]:
    """Ask all workers of this host. Return whether there is one and all of them answer, and a sentence."""
    folder = data_dir / FOLDER
    answers: list[str] = []
    for path in sorted(folder.glob(f"{_host()}-*.sock")):
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                answers.append(await _ask(folder, path.name))
        except TimeoutError:
            pid = path.stem.rpartition("-")[2]
            return False, f"The worker with process id {pid} does not answer."
        except OSError:
            continue  # that process has ended
    if not answers:
        return False, f"No worker of this host runs with the data directory {data_dir}."
    return True, " ".join(answers)


async def _ask(folder: Path, name: str) -> str:
    with _short_path(folder, name) as path:
        reader, writer = await asyncio.open_unix_connection(path)
    try:
        return (await reader.read(MAX_ANSWER_BYTES)).decode("utf-8", "replace")
    finally:
        writer.close()


@contextlib.contextmanager
def _short_path(folder: Path, name: str) -> Iterator[str]:
    """Yield a path of this file for the calls of sockets, which take about a hundred bytes."""
    if len(os.fsencode(folder / name)) < 100 or not Path("/proc/self/fd").exists():
        yield str(folder / name)
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{name}"
    finally:
        os.close(descriptor)


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass  # of another user
    return True


def _host() -> str:
    return socket.gethostname().replace("/", "_")
