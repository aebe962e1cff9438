"""Reads a database as `portico import openwebui` does, without importing it."""

import asyncio
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from portico.api.transfer import Outcome, RunNote
from portico_openwebui.databases import open_database
from portico_openwebui.databases.source_url import read_source
from portico_openwebui.kinds import READERS
from portico_openwebui.secret_key import SecretKey
from portico_openwebui.source import OpenWebUISource
from portico_openwebui.upload_directory import UploadDirectory


@dataclass
class ReadDatabase:
    """What was read: records and outcomes by kind, counts, and what was left out."""

    described: str = ""
    records: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    outcomes: dict[str, list[Outcome]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    left_out: list[RunNote] = field(default_factory=list)

    def by_id(self, kind: str, key: str = "id") -> dict[str, dict[str, Any]]:
        """Return the records of a kind by their ids."""
        return {one[key]: one for one in self.records[kind]}

    def reasons(self, kind: str) -> set[str]:
        """Return why something of a kind was left out."""
        return {one.reason for one in self.left_out if one.kind == kind}


def read_database(
    source: Path | str,
    *,
    settings: frozenset[str] = frozenset(),
    secret_key: str | None = None,
    keeps_links: bool = False,
) -> ReadDatabase:
    """Return all that a database has."""
    return asyncio.run(_read(str(source), settings, secret_key, keeps_links))


async def _read(
    source: str, settings: frozenset[str], secret_key: str | None, keeps_links: bool
) -> ReadDatabase:
    found = ReadDatabase()
    async with open_database(read_source(source)) as database:
        opened = await OpenWebUISource.recognised(
            database,
            source,
            uploads=UploadDirectory(None),
            setting_names=settings,
            kinds={reader.name for reader in READERS},
            secret_key=None if secret_key is None else SecretKey(secret_key),
            keeps_links=keeps_links,
        )
        found.described = opened.describe()
        found.counts = dict(await opened.counts())
        for kind in dict.fromkeys(reader.name for reader in READERS):
            blocks = [one for block in [b async for b in opened.records(kind)] for one in block]
            found.records[kind] = [json.loads(one) for one in blocks if isinstance(one, bytes)]
            found.outcomes[kind] = [one for one in blocks if isinstance(one, Outcome)]
        found.left_out = list(opened.left_out())
    return found
