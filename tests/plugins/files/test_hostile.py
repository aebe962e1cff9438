"""Uploads that are malformed, mislabelled or too much are refused, and leave nothing behind."""

import asyncio
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.one_database import database_url  # noqa: F401 - a fixture
from tests.plugins.files.uploads import (
    FILES,
    FORM,
    PNG,
    contents,
    form,
    send,
    upload,
    wait_until_settled,
)

from portico.api import OperatorError
from portico.boot import Application
from portico.testing import Client, InProcessApp

LARGE = b"x" * 3_000_000


@pytest.fixture
def env(env: dict[str, str]) -> dict[str, str]:
    """Small limits."""
    return env | {
        "RAG_FILE_MAX_SIZE": "8",
        "PORTICO_FILES_QUOTA": "8",
        "PORTICO_FILES_MAX_FILES": "30",
        "PORTICO_FILES_MAX_UPLOADS": "2",
    }


@pytest.mark.case("AB-68")
def test_malformed_forms_are_refused(
    app: InProcessApp, admin: Client, ann: Client, directory: Path
) -> None:
    part = b'--b\r\nContent-Disposition: form-data; name="n"\r\n\r\nx\r\n'
    whole = form("a.txt", b"x")
    cases: list[tuple[bytes, dict[str, str], int]] = [
        (part * 10_000 + whole, FORM, 400),
        (b"--b\r\nContent-Disposition: form-data; " + b"x" * 100_000 + b"\r\n\r\n", FORM, 400),
        (whole[:-9], FORM, 400),
        (form("a.txt", LARGE)[:-9], FORM, 400),
        (whole, {"content-type": "multipart/form-data"}, 400),
        (whole, {"content-type": "multipart/form-data; boundary=" + "b" * 5000}, 400),
        (whole, {"content-type": "application/json"}, 400),
        (b"", FORM, 400),
        (b"\xff" * 1000, FORM, 400),
        (part + b"--b--\r\n", FORM, 422),
        (whole.replace(b'; filename="a.txt"', b""), FORM, 422),
        (form("a.txt", b"x", "{"), FORM, 400),
        (form("a.txt", b"x", "[1]"), FORM, 400),
        (form("a.txt", b"x", '{"a":"' + "x" * 70_000 + '"}'), FORM, 400),
        (form("a.txt", b"x", "[" * 60_000), FORM, 400),
        (form("a.txt", b"x" * 9 * 1024 * 1024), FORM, 413),
    ]
    for body, headers, status in cases:
        refused = ann.request("POST", FILES, body=body, headers=headers)
        assert refused.status == status, (body[:100], refused)
    wait_until_settled(app, directory)
    assert contents(directory) == {}


@pytest.mark.case("AB-72")
def test_names_lose_what_does_not_belong_in_them(ann: Client, directory: Path) -> None:
    for given, name in (
        ("../../etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("a\x07b\u202egnp.txt", "abgnp.txt"),
        ("..", "file"),
        ("/", "file"),
        ("e\u0301.txt", "\u00e9.txt"),
        ("ü🙂 x.txt", "ü🙂 x.txt"),
        ("x" * 400 + ".txt", "x" * 251 + ".txt"),
        ("%22;filename*=x.txt", '";filename*=x.txt'),
    ):
        made = upload(ann, given, b"x")
        assert made["filename"] == made["meta"]["name"] == name
        headers = ann.get(f"{FILES}{made['id']}/content").headers
        assert set(headers["content-disposition"]) <= set(map(chr, range(32, 127)))
    assert {path.parent.parent for path in directory.glob("*/*")} == {directory}


def test_content_type_is_that_of_the_content(admin: Client, ann: Client) -> None:
    html = b"<html><script>alert(1)</script></html>"
    svg = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"
    archive = b"PK\x03\x04" + bytes(2000)
    shown, download = "text/plain; charset=utf-8", "application/octet-stream"
    for name, content, kind, served, word in (
        ("a.html", html, "text/html", shown, "inline"),
        ("a.svg", svg, "image/svg+xml", shown, "inline"),
        ("a.png", PNG, "image/png", "image/png", "inline"),
        ("a.jpg", PNG, "image/png", "image/png", "inline"),
        ("a.html", PNG, "image/png", "image/png", "inline"),
        ("a.txt", archive, "application/zip", download, "attachment"),
        ("a.txt", bytes(3_000_000), download, download, "attachment"),
        ("a.txt", "ü".encode("utf-16"), download, download, "attachment"),
        ("a.json", b"{}", "application/json", shown, "inline"),
        ("a.pdf", b"%PDF-1.7 (only ASCII)", "application/pdf", "application/pdf", "inline"),
        ("a.pdf", html, "text/plain", shown, "inline"),
        ("a.docx", archive, "application/vnd.openxmlformats-officedocument.wordprocessingml.document", download, "attachment"),
    ):  # fmt: skip
        made = upload(ann, name, content)
        assert made["meta"]["content_type"] == kind, name
        status = made["data"]["status"]
        assert status == ("completed" if served == shown or kind == "image/png" else "failed")
        answer = ann.get(f"{FILES}{made['id']}/content")
        headers = answer.headers
        assert (headers["content-type"], headers["content-disposition"][: len(word)]) == (
            served,
            word,
        )
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert "script-src" not in headers["content-security-policy"]
        for path in ("content/a.html", "content/html", "content?attachment=true"):
            headers = ann.get(f"{FILES}{made['id']}/{path}").headers
            assert headers["content-disposition"].startswith("attachment;")
            assert headers["content-type"] in ("image/png", "application/pdf", download)
        assert ann.delete(FILES + made["id"]).status == 200
    for name in ("a.png", "a.JPG", "a.webp"):
        assert send(ann, name, html).status == 400


def test_account_has_no_more_than_its_limits(
    app: InProcessApp, admin: Client, ann: Client, bob: Client, directory: Path
) -> None:
    first = upload(ann, "a.txt", LARGE)
    upload(ann, "b.txt", LARGE)
    refused = send(ann, "c.txt", LARGE)
    quota = "All files of an account together have at most 8 MiB. Delete some first."
    assert (refused.status, refused.detail) == (413, quota)
    assert ann.delete(FILES + first["id"]).status == 200
    upload(ann, "c.txt", LARGE)
    for number in range(28):
        upload(ann, f"{number}.txt", b"")
    refused = send(ann, "d.txt", b"")
    most = "[ERROR: An account has at most 30 files. Delete some first]"
    assert (refused.status, refused.detail) == (400, most)
    assert send(bob, "d.txt", LARGE).status == 200
    wait_until_settled(app, directory)


class SlowUpload:
    """An upload to an application in this process that does not end. `status`: of its response, when there is one."""

    def __init__(self, app: InProcessApp, user: Client) -> None:
        self.status: int | None = None
        self._messages = asyncio.Queue[Any]()
        headers = FORM | {
            "host": "x",
            "content-length": "5000000",
            "authorization": f"Bearer {user.token}",
        }
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http",
            "method": "POST", "path": FILES, "raw_path": FILES.encode(), "query_string": b"", "root_path": "",
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
            "client": ("127.0.0.1", 1), "server": ("x", 80), "state": {},
        }  # fmt: skip
        self._task = asyncio.ensure_future(app.asgi(scope, self._messages.get, self._tell))
        for piece in (form("a.txt", b"")[:70], *[b"x" * 500_000] * 4):
            self._messages.put_nowait({"type": "http.request", "body": piece, "more_body": True})

    async def _tell(self, message: dict[str, Any]) -> None:
        self.status = self.status or message["status"]

    async def disconnect(self) -> None:
        """Disconnect, and wait until the application has noticed."""
        self._messages.put_nowait({"type": "http.disconnect"})
        await self._task


@pytest.mark.case("AB-70")
def test_upload_that_breaks_off_leaves_nothing(
    app: InProcessApp, admin: Client, ann: Client, bob: Client, directory: Path
) -> None:
    async def begin() -> list[SlowUpload]:
        begun = [SlowUpload(app, ann) for _ in range(2)]
        sql = "SELECT COUNT(*) AS uploads FROM files_loose_object"
        while (await app.portico.database.rows(sql))[0]["uploads"] < 2:
            await asyncio.sleep(0.005)
        return begun

    slow = app.run(begin)
    refused = send(ann, "b.txt", b"x")
    assert (refused.status, refused.headers["retry-after"]) == (429, "2")
    assert send(bob, "b.txt", b"x").status == 200
    for one in slow:
        app.run(one.disconnect)
        assert one.status == 400
    wait_until_settled(app, directory)
    assert list(contents(directory).values()) == [b"x"]
    assert send(ann, "b.txt", b"x").status == 200


@contextmanager
def full_disk() -> Iterator[None]:
    """No file of this process grows beyond two MiB."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2 * 1024 * 1024, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.case("FT-13")
def test_full_disk_is_said_and_leaves_nothing(
    app: InProcessApp, admin: Client, ann: Client, directory: Path
) -> None:
    with full_disk():
        refused = send(ann, "a.txt", LARGE)
        assert (refused.status, refused.headers["retry-after"]) == (503, "2")
        told = "There is no space left for files on the server. Tell its administrator."
        assert refused.detail == told
        kept = upload(ann, "b.txt", b"fits")
        wait_until_settled(app, directory)
    assert contents(directory) == {kept["id"]: b"fits"}
    assert send(ann, "a.txt", LARGE).status == 200


def test_directory_that_cannot_be_used_stops_the_start(
    env: dict[str, str], complete_schema: Callable[[Application], None], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(
        OperatorError, match=r"^files\.directory: the directory .* cannot be used: Not"
    ):
        InProcessApp(
            env | {"PORTICO_FILES_DIRECTORY": str(tmp_path / "file" / "x")}, complete_schema
        )
