"""Uploads while the server process is killed: in the end there are exactly the objects of the files that there are."""

import contextlib
import random
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from portico.testing import Client, ServerProcess

FILES = "/api/v1/files/"
SETTINGS = {"PORTICO_FILES_MAX_UPLOADS": "10000", "PORTICO_FILES_MAX_FILES": "100000"}
_HEAD = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n\r\n'
_END = b"\r\n--b--\r\n"
#: Uploads that are under way at each kill, besides those that happen to be, and how their contents begin.
UNFINISHED = 3
_MARK = b"unfinished upload"


class KillOutcome(NamedTuple):
    """What is there in the end. `lost`: acknowledged uploads that are not there any more, or not as they were.

    `without_row`, `without_object`: objects without a file, and files without an object.
    """

    uploads: int
    acknowledged: int
    kills: int
    lost: int
    without_row: int
    without_object: int

    @property
    def is_right(self) -> bool:
        """Whether nothing is lost, and nothing is left over."""
        return not (self.lost or self.without_row or self.without_object)

    def text(self) -> str:
        """The outcome as text."""
        return (
            f"{self.uploads} uploads, {self.acknowledged} acknowledged, {self.kills} kills: {self.lost} lost, "
            f"{self.without_row} objects without a row, {self.without_object} rows without an object"
        )


def upload_under_kills(
    server: ServerProcess, directory: Path, *, uploads: int, parallel: int, kills: int, size: int
) -> KillOutcome:
    """Upload so many files of at most `size` bytes while the server is killed and started again.

    `server`: not started yet, with `SETTINGS`. `directory`: where it stores files.
    """
    server.start()
    admin = server.client.sign_up("Ada")
    with ThreadPoolExecutor(parallel) as threads:
        running = [threads.submit(_upload, admin, number, size) for number in range(uploads)]
        killed = 0
        for number in range(1, kills + 1):
            _wait_until_done(running, uploads * number // (kills + 1))
            begun = [_begin_upload(server.url, str(admin.token)) for _ in range(UNFINISHED)]
            _wait_for_objects(directory)
            server.kill()
            for connection in begun:
                connection.close()
            killed += 1
            server.start()
        found = dict(filter(None, (one.result() for one in running)))
    stored = _settled(admin, directory)
    objects = {path.name: path for path in directory.glob("*/*")}
    lost = sum(
        1
        for file_id, number in found.items()
        if file_id not in stored or objects[file_id].read_bytes() != content(number, size)
    )
    return KillOutcome(
        uploads=uploads,
        acknowledged=len(found),
        kills=killed,
        lost=lost,
        without_row=len(objects.keys() - stored),
        without_object=len(stored - objects.keys()),
    )


def content(number: int, size: int) -> bytes:
    """Return the content of one of the files."""
    return random.Random(number).randbytes(number * 7919 % size)


def _upload(client: Client, number: int, size: int) -> tuple[str, int] | None:
    """Return the id and the number of a file that was acknowledged; None if it was not."""
    body = _HEAD + content(number, size) + _END
    headers = {"content-type": "multipart/form-data; boundary=b"}
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            answer = client.request("POST", FILES, body=body, headers=headers)
        except ConnectionRefusedError:  # it is being started
            time.sleep(0.05)
        except (OSError, HTTPException):  # killed meanwhile: whether it is stored is unknown
            return None
        else:
            return (answer.json["id"], number) if answer.status == 200 else None
    return None


def _begin_upload(url: str, token: str) -> HTTPConnection:
    """Send a part of a file that is long enough to be stored. Return the connection."""
    connection = HTTPConnection(urlsplit(url).netloc, timeout=60)
    connection.putrequest("POST", FILES)
    connection.putheader("authorization", f"Bearer {token}")
    connection.putheader("content-type", "multipart/form-data; boundary=b")
    connection.putheader("content-length", "9000000")
    connection.endheaders(_HEAD + _MARK + bytes(3_000_000))
    return connection


def _wait_for_objects(directory: Path) -> None:
    """Wait until the unfinished uploads have objects."""
    end = time.monotonic() + 60
    while True:
        found = 0
        for path in directory.glob("*/*"):
            with contextlib.suppress(OSError), path.open("rb") as file:
                found += file.read(len(_MARK)) == _MARK
        if found >= UNFINISHED:
            return
        assert time.monotonic() < end
        time.sleep(0.02)


def _wait_until_done(running: Sequence[object], count: int) -> None:
    end = time.monotonic() + 120
    while sum(1 for one in running if one.done()) < count:  # type: ignore[attr-defined]
        assert time.monotonic() < end
        threading.Event().wait(0.005)


def _settled(client: Client, directory: Path) -> set[str]:
    """Return the ids of all files, when there are as many objects, or after some seconds."""
    end = time.monotonic() + 15
    while True:
        stored: set[str] = set()
        page = 1
        while listed := client.get(f"{FILES}?page={page}").json:
            stored |= {one["id"] for one in listed}
            page += 1
        if stored == {path.name for path in directory.glob("*/*")} or time.monotonic() > end:
            return stored
        time.sleep(0.1)
