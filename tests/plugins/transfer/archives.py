"""Archives that tests write by hand, and read."""

import hashlib
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

AT = 1_700_000_000


def account(account_id: str, **changes: Any) -> dict[str, Any]:
    """The record of an account."""
    times = {"created_at": AT, "updated_at": AT, "last_active_at": AT}
    names = {"email": f"{account_id}@example.org", "name": account_id.title(), "role": "user"}
    return {"id": account_id, **names, **times, **changes}


def group(group_id: str, **changes: Any) -> dict[str, Any]:
    """The record of a group."""
    return {"id": group_id, "name": group_id.title(), "created_at": AT, "updated_at": AT, **changes}


def api_key(owner: str, key: str, **changes: Any) -> dict[str, Any]:
    """The record of an API key, in clear."""
    return {"user_id": owner, "key": key, "name": "old", "created_at": AT, **changes}


def write_archive(folder: Path, **kinds: Sequence[Mapping[str, Any] | bytes]) -> Path:
    """Write an archive as a folder; a record in bytes as it is."""
    folder.mkdir()
    (folder / "manifest.json").write_text('{"format": "portico-archive", "version": 1}')
    for kind, records in kinds.items():
        lines = [one if isinstance(one, bytes) else json.dumps(one).encode() for one in records]
        (folder / f"{kind}.jsonl").write_bytes(b"\n".join(lines))
    return folder


def texts_of(archive: Path) -> dict[str, bytes]:
    """The files of a ZIP archive by name."""
    with zipfile.ZipFile(archive) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def records_of(archive: Path, kind: str) -> list[dict[str, Any]]:
    """The records of a kind in a ZIP archive."""
    return [json.loads(line) for line in texts_of(archive)[f"{kind}.jsonl"].splitlines()]


def report_of(file: Path) -> list[dict[str, Any]]:
    """The lines of a report."""
    return [json.loads(line) for line in file.read_text().splitlines()]


def digest(data: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(data).hexdigest()
