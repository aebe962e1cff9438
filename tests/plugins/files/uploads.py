"""Uploads, as browsers send them, and what is stored of them."""

import time
from pathlib import Path
from typing import Any

from portico.testing import Client, InProcessApp, Response

FILES = "/api/v1/files/"
FORM = {"content-type": "multipart/form-data; boundary=b"}
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))


def form(name: str, content: bytes, metadata: str | None = None) -> bytes:
    """The body of a form with one file."""
    head = f'--b\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'.encode()
    last = b""
    if metadata is not None:
        last = (
            f'\r\n--b\r\nContent-Disposition: form-data; name="metadata"\r\n\r\n{metadata}'.encode()
        )
    return head + content + last + b"\r\n--b--\r\n"


def send(
    client: Client, name: str, content: bytes, metadata: str | None = None, query: str = ""
) -> Response:
    """Upload a file. Return the response."""
    body = form(name, content, metadata)
    return client.request("POST", FILES + query, body=body, headers=FORM)


def upload(client: Client, name: str, content: bytes, **more: Any) -> dict[str, Any]:
    """Upload a file. Return it."""
    answer = send(client, name, content, **more)
    assert answer.status == 200, answer
    found: dict[str, Any] = answer.json
    return found


def contents(directory: Path) -> dict[str, bytes]:
    """Return the stored objects by key."""
    return {path.name: path.read_bytes() for path in directory.glob("*/*")}


def rows(app: InProcessApp, table: str = "files_file") -> list[dict[str, Any]]:
    """Return all rows of a table."""
    found: list[dict[str, Any]] = app.run(app.portico.database.rows, f"SELECT * FROM {table}")
    return found


def wait_until_settled(app: InProcessApp, directory: Path) -> None:
    """Wait until no object is loose, and check that exactly the files have objects."""
    end = time.monotonic() + 20
    while rows(app, "files_loose_object"):
        assert time.monotonic() < end, rows(app, "files_loose_object")
        time.sleep(0.01)
    assert {row["id"] for row in rows(app)} == set(contents(directory))
    totals = {row["user_id"]: (row["number"], row["bytes"]) for row in rows(app, "files_owner")}
    for user_id, total in totals.items():
        sizes = [row["size"] for row in rows(app) if row["user_id"] == user_id]
        assert total == (len(sizes), sum(sizes))
