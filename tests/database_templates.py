"""Databases whose schema is complete before they are opened.

Migrating an empty database is the same work for every test. It is done once for each schema, in a template database;
each test gets a copy of it. Tests about migrations, and about processes that start on an empty database, do not use the
fixture `templates`.
"""

import shutil
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from tests.recycled_databases import RecycledDatabases
from tests.servers import apart

from portico.boot import Application
from portico.db import Database, DatabaseSettings, TableSet, migrate, open_database
from portico.db.address import FILE_NAME
from portico.settings.load import load_settings

#: Owners of migrations, each with the package that contains them.
Schema = tuple[tuple[str, str], ...]


class Templates:
    """The templates of one test run, for one kind of database.

    `place`: returns the URL of an empty PostgreSQL database, or a folder for an SQLite one. `copies`: for PostgreSQL.
    """

    def __init__(
        self, place: Callable[[], str | Path], copies: RecycledDatabases | None = None
    ) -> None:
        self._place, self._copies = place, copies
        self._made: dict[Schema, str | Path] = {}

    def create(self, url: str, data_dir: Path, sets: Mapping[str, TableSet]) -> None:
        """Create the database with the schema of these tables and without rows, unless it exists already.

        `url`: "" for SQLite in `data_dir`.
        Packages other than those of Portico and its plugins may differ between tests under the same name; then the
        database is left empty.
        """
        schema = tuple((owner, tables.migrations) for owner, tables in sets.items())
        ours = all(package.startswith(("portico.", "portico_")) for _, package in schema)
        template = self._template(schema, sets) if ours else None
        if self._copies is not None:
            self._copies.create(url, template if isinstance(template, str) else "")
        elif isinstance(template, Path) and not (data_dir / FILE_NAME).exists():
            data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
            shutil.copy(template / FILE_NAME, data_dir)

    def create_for(self, environment: Mapping[str, str]) -> None:
        """Create the database of a process with this environment, unless it exists already."""
        application = Application(load_settings(environ=environment))
        settings = application.settings
        self.create(settings.database.url, Path(settings.data_dir), application.table_sets)

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


@asynccontextmanager
async def started_database(
    templates: Templates, url: str, data_dir: Path, sets: Mapping[str, TableSet]
) -> AsyncIterator[Database]:
    """Start a database with the tables of these owners, and make it the current one."""
    templates.create(url, data_dir, sets)
    database = open_database(DatabaseSettings(url=url, pool_size=4), data_dir)
    await database.start()
    with database.use():
        yield database
    await database.stop()
