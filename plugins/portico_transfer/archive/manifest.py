"""The manifest of an archive, and the names that an archive has."""

import re
from typing import Final, Literal

import msgspec

from portico.api import OperatorError

VERSION: Final = 1
MANIFEST: Final = "manifest.json"
FILES: Final = "files/"
RECORDS_SUFFIX: Final = ".jsonl"
_RECORDS: Final = re.compile(r"([a-z][a-z0-9_]{0,63})\.jsonl", re.ASCII)
_FILE: Final = re.compile(r"files/([A-Za-z0-9_-][A-Za-z0-9._-]{0,199})", re.ASCII)


class Manifest(msgspec.Struct, kw_only=True):
    """What is in an archive. Units: `created_at` in epoch seconds.

    `scope`: the whole instance, or one account, whose id is `account`. `counts`: records by kind. `digests`: SHA-256 of each
    file of the archive by its name, in hexadecimal; one that is missing is not verified.
    """

    format: Literal["portico-archive"] = "portico-archive"
    version: int
    release: str = ""
    created_at: int = 0
    scope: Literal["instance", "account"] = "instance"
    account: str | None = None
    counts: dict[str, int] = {}
    digests: dict[str, str] = {}


def read_manifest(text: bytes, where: str) -> Manifest:
    """Return the manifest. Raises: OperatorError if the archive cannot be read."""
    try:
        manifest = msgspec.json.decode(text, type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise OperatorError(
            f"{where} is no archive of Portico: its {MANIFEST} cannot be read ({type(error).__name__})."
        ) from None
    if manifest.version != VERSION:
        raise OperatorError(
            f"{where} has version {manifest.version} of the archive format, and this release reads version {VERSION}. "
            "Import it with the release that wrote it, or a newer one."
        )
    return manifest


def kind_of(name: str) -> str | None:
    """Return the kind whose records a file of an archive has; None = it has none."""
    found = _RECORDS.fullmatch(name)
    return found[1] if found else None


def is_archive_name(name: str) -> bool:
    """Return whether an archive can have a file of this name."""
    return name == MANIFEST or kind_of(name) is not None or _FILE.fullmatch(name) is not None


def file_name(content: str) -> str | None:
    """Return the name of the file with these contents; None if there cannot be one."""
    name = FILES + content
    return name if _FILE.fullmatch(name) else None
