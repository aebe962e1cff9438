"""An archive that is none, was changed, or is hostile is refused with one sentence, before anything is imported."""

import asyncio
import io
import json
import os
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.one_database import database_url  # noqa: F401 - these make no query
from tests.plugins.transfer.archives import digest, write_archive

from portico.api import OperatorError
from portico.api.transfer import Outcome
from portico_transfer.archive.archive_format import ArchiveFormat
from portico_transfer.archive.record_lines import record_blocks

MANIFEST = {"format": "portico-archive", "version": 1}


def read(source: Path) -> dict[str, list[Any]]:
    """The records of an archive by kind."""

    async def work() -> dict[str, list[Any]]:
        async with ArchiveFormat().open(str(source), {}) as opened:
            found: dict[str, list[Any]] = {}
            for kind in await opened.counts():
                found[kind] = [one async for block in opened.records(kind) for one in block]
            assert await opened.files.open("../../etc/passwd") is None
            assert await opened.files.open("x" * 1000) is None
            assert {kind: len(records) for kind, records in found.items()} == await opened.counts()
            return found

    return asyncio.run(work())


def zipped(
    file: Path, change: Callable[[zipfile.ZipFile], None] = lambda _: None, **manifest: Any
) -> Path:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("manifest.json", json.dumps(MANIFEST | manifest))
        archive.writestr("accounts.jsonl", b'{"id":"1"}\n{"id":"2"}')
        change(archive)
    return file


def entry(name: str, mode: int = 0, content: bytes = b"x") -> Callable[[zipfile.ZipFile], None]:
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    return lambda archive: archive.writestr(info, content)


def twice(archive: zipfile.ZipFile) -> None:
    with pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("accounts.jsonl", b"{}")


def bomb(archive: zipfile.ZipFile) -> None:
    archive.writestr("chats.jsonl", b"0" * (65 * 1024 * 1024))


def test_archive_of_another_program_is_read(tmp_path: Path) -> None:
    records = [b'{"id":"1"}', b'{"id":"2"}']
    right = {"digests": {"accounts.jsonl": digest(b'{"id":"1"}\n{"id":"2"}')}}
    assert read(zipped(tmp_path / "a.zip", **right)) == {"accounts": records}
    assert read(write_archive(tmp_path / "a", accounts=records)) == {"accounts": records}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (entry("../accounts.jsonl"), "is no name"),
        (entry("/etc/passwd"), "is no name"),
        (entry("files/../x"), "is no name"),
        (entry("files/a/b"), "is no name"),
        (entry("files\\x"), "is no name"),
        (entry("files/.."), "is no name"),
        (entry("files/link", stat.S_IFLNK | 0o777), "is no regular file"),
        (twice, "is in it twice"),
        (bomb, "unpacks to more than"),
    ],
)
def test_hostile_zip_is_refused(
    tmp_path: Path, change: Callable[[zipfile.ZipFile], None], sentence: str
) -> None:
    with pytest.raises(OperatorError, match=sentence):
        read(zipped(tmp_path / "a.zip", change))


@pytest.mark.parametrize(
    ("manifest", "sentence"),
    [
        ({"version": 2}, "version 2"),
        ({"version": "1"}, "cannot be read"),
        ({"format": "other"}, "cannot be read"),
        ({"digests": {"accounts.jsonl": "0" * 64}}, "is damaged"),
        ({"digests": {"chats.jsonl": "0" * 64}}, "is incomplete"),
    ],
)
def test_archive_that_is_not_what_its_manifest_says_is_refused(
    tmp_path: Path, manifest: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(OperatorError, match=sentence):
        read(zipped(tmp_path / "a.zip", **manifest))


def test_file_that_is_no_archive_is_refused(tmp_path: Path) -> None:
    whole = zipped(tmp_path / "whole.zip").read_bytes()
    (tmp_path / "text.zip").write_text("hello")
    (tmp_path / "cut.zip").write_bytes(whole[:-30])
    changed = bytearray(whole)
    changed[whole.index(b"accounts.jsonl") + 16] ^= 0xFF
    (tmp_path / "changed.zip").write_bytes(changed)
    (tmp_path / "empty").mkdir()
    os.mkfifo(tmp_path / "pipe.zip")
    for name, sentence in (
        ("pipe.zip", "no regular file"),
        ("text.zip", "no complete ZIP"),
        ("cut.zip", "no complete ZIP"),
        ("changed.zip", "is damaged"),
        ("empty", "has no manifest.json"),
        ("missing.zip", "There is no file"),
    ):
        with pytest.raises(OperatorError, match=sentence):
            read(tmp_path / name)


def test_links_and_other_files_in_a_folder_are_refused(tmp_path: Path) -> None:
    for name, make in (
        ("link", lambda folder: (folder / "accounts.jsonl").symlink_to("/etc/passwd")),
        ("files", lambda folder: (folder / "files").symlink_to("/etc")),
        ("other", lambda folder: (folder / "other.txt").touch()),
        ("folder", lambda folder: (folder / "more").mkdir()),
    ):
        folder = write_archive(tmp_path / name)
        make(folder)
        with pytest.raises(OperatorError, match="is not imported"):
            read(folder)


def test_record_that_is_too_long_is_rejected_alone() -> None:
    lines = [b"a" * 5, b"b" * 2_500_000, b"", b"c" * 10, b"d" * 11, b"e"]
    blocks = list(record_blocks(io.BytesIO(b"\n".join(lines)), longest=10))
    (found,) = blocks
    assert [one.state if isinstance(one, Outcome) else one for one in found] == [
        b"a" * 5,
        "rejected",
        b"c" * 10,
        "rejected",
        b"e",
    ]
