"""Databases whose schema is there before anything opens them.

Bringing an empty database up to date is the same work for every test. The first one that asks for some schema has it
done once, in a database of nobody's; each begins with a copy of that. Tests about migrations begin with an empty
database, and so does whatever runs in a process of its own: they do not ask for the fixture `templates`.
"""

import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from asyncpg import DuplicateDatabaseError
from tests.servers import apart, create_database

from portico.db import DatabaseSettings, TableSet, migrate, open_database
from portico.db.address import FILE_NAME

#: Whose steps, and the package that has them.
Schema = tuple[tuple[str, str], ...]


class Templates:
    """Those of one test run, on one kind of database.

    `place`: makes room for one more; returns the URL of an empty PostgreSQL database, or a folder for an SQLite one.
    """

    def __init__(self, place: Callable[[], str | Path]) -> None:
        self._place = place
        self._made: dict[Schema, str | Path] = {}

    def lay(self, url: str, data_dir: Path, sets: Mapping[str, TableSet]) -> None:
        """Make the database for these tables, up to date and without rows, unless it is there already.

        `url`: "" for SQLite in `data_dir`.
        The packages of Portico and its plugins are what they are; of any other the next test may have another under
        the same name, so the database is left empty then.
        """
        schema = tuple((owner, tables.migrations) for owner, tables in sets.items())
        ours = all(package.startswith(("portico.", "portico_")) for _, package in schema)
        template = self._template(schema, sets) if ours else None
        if url:
            with suppress(DuplicateDatabaseError):
                create_database(url, template if isinstance(template, str) else "")
        elif isinstance(template, Path) and not (data_dir / FILE_NAME).exists():
            data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
            shutil.copy(template / FILE_NAME, data_dir)

    def _template(self, schema: Schema, sets: Mapping[str, TableSet]) -> str | Path:
        if schema not in self._made:
            place = self._place()
            apart(_fill(place, sets))
            self._made[schema] = place
        return self._made[schema]


async def _fill(place: str | Path, sets: Mapping[str, TableSet]) -> None:
    url, folder = (place, Path()) if isinstance(place, str) else ("", place)
    database = open_database(DatabaseSettings(url=url), folder)
    await database.start()
    try:
        report = await migrate(database, sets)
        assert not report.failed, report
    finally:
        await database.stop()
