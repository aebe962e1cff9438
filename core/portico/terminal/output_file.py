"""The files that commands write: checked before any work is done, and replaced only when they are complete."""

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import click


class OutputFile(click.ParamType["Output"]):
    """Type of an argument that names the file a command writes, `-` for standard output. The value is an `Output`."""

    name = "file"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> "Output":
        """Return the output. Fails with the usage of the command if the file can certainly not be written."""
        if isinstance(value, Output):
            return value
        if value != "-":
            try:
                reason = _why_not(Path(value).absolute())
            except OSError as error:  # a name that is too long
                reason = error.strerror or str(error)
            if reason:
                self.fail(f"{value!r} cannot be written: {reason}.", param, ctx)
        return Output(str(value))


def _why_not(path: Path) -> str:
    """Return why a file certainly cannot be written, and what to do; empty if it perhaps can. Raises: OSError."""
    if path.is_dir():
        return "it is a folder; name a file in it"
    if not path.parent.is_dir():
        return f"there is no folder {path.parent}; create it, or name another file"
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        return "this user may not; name another file"
    return ""


class Output:
    """A file to write. `name`: as it was given; `-` = standard output."""

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    def is_standard(self) -> bool:
        """Whether it is standard output."""
        return self.name == "-"

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """Yield the open file. A regular file gets the contents at the end of the block, if it raises nothing.

        Devices and pipes are written to directly, since they must not be replaced by a file. Raises: OSError.
        """
        path = Path(os.path.realpath(self.name))
        if self.is_standard:
            with click.open_file("-", "wb") as stream:
                yield stream
                stream.flush()
        elif path.exists() and not path.is_file():
            with path.open("wb") as file:
                yield file
        else:
            with _replaced(path) as file:
                yield file


@contextmanager
def _replaced(path: Path) -> Iterator[IO[bytes]]:
    """Yield a new file beside `path` that takes its place at the end, with its mode. Raises: OSError."""
    mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else 0o666
    draft = path.with_name(f".portico-{secrets.token_hex(6)}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    try:
        with os.fdopen(os.open(draft, flags, mode), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
