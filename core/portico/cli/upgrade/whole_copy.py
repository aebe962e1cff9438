"""A copy of the whole database: of the SQLite file, or of the PostgreSQL schema, which others may use meanwhile."""

import asyncio
import contextlib
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Final

import msgspec

from portico.backup.errors import BackupRefused
from portico.backup.postgres_schema import describe_schema, run_statement, set_sequences
from portico.backup.scratch_schema import create_schema, current_schema
from portico.db import Database, open_database
from portico.db.address import SQLiteAddress, find_database
from portico.db.postgres.database import Postgres
from portico.errors import OperatorError
from portico.settings.schema import CoreSettings

PREFIX: Final = "portico_upgrade_check_"
_BLOCK_BYTES: Final = 1024 * 1024
#: A progress bar with a label and a length.
MakeBar = Callable[[str, int], Any]

_LEFT: Final = "SELECT nspname AS name FROM pg_namespace WHERE starts_with(nspname, $1) ORDER BY 1"
# As for a restore: functions may name what is created later.
_NO_BODY_CHECKS: Final = "SELECT set_config('check_function_bodies', 'off', true)"


class CannotCopy(OperatorError):
    """There is no room for a copy, or no permission to make one."""


@contextlib.asynccontextmanager
async def whole_copy(
    settings: CoreSettings, data_dir: Path, make_bar: MakeBar, notes: list[str]
) -> AsyncIterator[Database]:
    """Yield the copy, started, and delete it at the end. Raises: CannotCopy, Unavailable.

    `notes`: is told of copies that an earlier check has left because it was killed.
    """
    address = find_database(settings.database, data_dir)
    original = open_database(settings.database, data_dir)
    await original.start()
    try:
        if isinstance(address, SQLiteAddress):
            copies = _file_copy(settings, address, original, make_bar)
        else:
            assert isinstance(original, Postgres)
            copies = _schema_copy(settings, data_dir, original, make_bar, notes)
        async with copies as copy:
            await copy.start()
            try:
                yield copy
            finally:
                await copy.stop()
    finally:
        await original.stop()


@contextlib.asynccontextmanager
async def _file_copy(
    settings: CoreSettings, address: SQLiteAddress, original: Database, make_bar: MakeBar
) -> AsyncIterator[Database]:
    size, free = address.path.stat().st_size, shutil.disk_usage(address.path.parent).free
    # One more for what migrations write.
    if free < 2 * size:
        raise CannotCopy(
            f"A copy of {address.path} needs about {2 * size} bytes, and {free} are free. Make room, or check a copy of the "
            "data directory on another disk: portico --data-dir COPY upgrade check"
        )
    with tempfile.TemporaryDirectory(prefix=".upgrade-check-", dir=address.path.parent) as name:
        path = Path(name) / "portico.db"
        with (
            await original.open_copy() as source,
            path.open("wb") as target,
            make_bar("Copying", size) as bar,
        ):
            while block := await asyncio.to_thread(source.read, _BLOCK_BYTES):
                await asyncio.to_thread(target.write, block)
                bar.update(len(block))
        scheme = "sqlite" if address.password is None else "sqlite+sqlcipher"
        changed = msgspec.structs.replace(
            settings.database, url=f"{scheme}://{path}", require_existing=False
        )
        yield open_database(changed, Path(name))


@contextlib.asynccontextmanager
async def _schema_copy(
    settings: CoreSettings,
    data_dir: Path,
    original: Postgres,
    make_bar: MakeBar,
    notes: list[str],
) -> AsyncIterator[Database]:
    name = PREFIX + secrets.token_hex(4)
    left = [row["name"] for row in await original.rows(_LEFT, PREFIX)]
    if left:
        notes.append(
            f"the schemas {', '.join(left)} are of checks that still run or were killed; if none runs, drop them with "
            "DROP SCHEMA … CASCADE"
        )
    try:
        await _copy_schema(original, name, make_bar)
        changed = msgspec.structs.replace(settings.database, schema=name)
        yield open_database(changed, data_dir)
    finally:
        await original.execute(f'DROP SCHEMA IF EXISTS "{name}" CASCADE')


async def _copy_schema(original: Postgres, name: str, make_bar: MakeBar) -> None:
    """Copy everything of the current schema into a new one, as it was at one moment. Writers do not wait for it."""
    try:
        async with original.transaction():
            await original.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            description = await describe_schema(original)
            source = await current_schema(original)
            await create_schema(original, name)
            await original.rows("SELECT set_config('search_path', $1, true)", f'"{name}"')
            await original.rows(_NO_BODY_CHECKS)
            for statement in description.before:
                await run_statement(original, statement)
            with make_bar("Copying", len(description.tables)) as bar:
                for table in description.tables:
                    columns = ", ".join(map(_quoted, table.columns))
                    await original.execute(
                        f"INSERT INTO {_quoted(table.name)} ({columns}) OVERRIDING SYSTEM VALUE "  # noqa: S608
                        f"SELECT {columns} FROM {_quoted(source)}.{_quoted(table.name)}"
                    )
                    bar.update(1)
            for statement in description.after:
                await run_statement(original, statement)
            await set_sequences(original, description)
    except BackupRefused as error:
        raise CannotCopy(str(error)) from error


def _quoted(name: str) -> str:
    return '"{}"'.format(name.replace('"', '""'))
