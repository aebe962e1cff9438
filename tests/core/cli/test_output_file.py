"""Files that commands write."""

import os
from pathlib import Path

import click
import pytest
from tests.one_database import database_url

from portico.terminal.output_file import Output, OutputFile
from portico.testing import CommandLine

__all__ = ["database_url"]

EXPORTS = (
    ("audit", "export"),
    ("chat", "export", "--all"),
    ("group", "export"),
    ("model", "export"),
    ("prompt", "export"),
)


@pytest.mark.parametrize("words", EXPORTS, ids=lambda words: words[0])
def test_export_names_what_is_wrong_with_its_file_before_it_works(
    cli: CommandLine, tmp_path: Path, words: tuple[str, ...]
) -> None:
    (tmp_path / "file").touch()
    for target, reason in (
        (tmp_path / "missing" / "x.json", "there is no folder"),
        (tmp_path, "it is a folder"),
        (tmp_path / "file" / "x.json", "there is no folder"),
        (tmp_path / ("x" * 300), "File name too long"),
    ):
        done = cli(*words, target, code=2)
        assert reason in done.stderr and "Exporting" not in done.stderr, target
    cli(*words, tmp_path / "x.json")
    assert {one.name for one in tmp_path.iterdir()} >= {"x.json"}
    assert not list(tmp_path.glob(".*"))


def test_failing_export_leaves_the_former_file(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text("former")
    path.chmod(0o640)
    with pytest.raises(OSError, match="full"), Output(str(path)).open() as file:
        file.write(b"half")
        raise OSError("full")
    assert path.read_text() == "former" and [*tmp_path.iterdir()] == [path]
    with Output(str(path)).open() as file:
        file.write(b"new")
    assert path.read_text() == "new" and path.stat().st_mode & 0o777 == 0o640


def test_pipe_and_link_are_written_to_and_not_replaced(tmp_path: Path) -> None:
    pipe, link, real = tmp_path / "pipe", tmp_path / "link", tmp_path / "real"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    with Output(str(pipe)).open() as file:
        file.write(b"through")
    assert os.read(reader, 100) == b"through" and pipe.is_fifo()
    os.close(reader)
    real.touch()
    link.symlink_to(real)
    with Output(str(link)).open() as file:
        file.write(b"x")
    assert link.is_symlink() and real.read_bytes() == b"x"


def test_file_in_a_folder_without_permission_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write everywhere
    with pytest.raises(click.BadParameter, match="this user may not"):
        OutputFile().convert(str(tmp_path / "x"), None, None)
