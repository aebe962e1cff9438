"""Finds out what serving would say of each plugin: a start in a process of its own, on a copy of the database.

The start is that of serving (`Portico.check_start`): it migrates, activates policies, calls `startup` and builds the routes. It
changes nothing that lasts: SQLite is copied beside its file; on PostgreSQL all migrations run in a schema that is dropped
again, and pending ones also on the real tables, in a transaction that is rolled back. The data directory is a new one.
What a plugin's `startup` does elsewhere, such as to a server of its own, it does here too.
"""

import asyncio
import contextlib
import dataclasses
import multiprocessing
import os
import re
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

import msgspec

from portico.db import Database, apply_steps, cause_of, schema_status
from portico.db.address import SQLiteAddress, find_database, open_database
from portico.errors import OperatorError, Unavailable
from portico.plugins.registry import FaultKind
from portico.settings.database import DatabaseSettings
from portico.settings.load import LoadedSettings
from portico.settings.secret_key import FILE_NAME, ensure_secret_key
from portico.settings.section import Secret

#: A larger SQLite file is not copied; its pending migrations are then not tried on its rows.
MAX_COPIED_BYTES: Final = 4 * 1024**3
#: Seconds beyond `server.start_limit`, for the copy and for migrations.
MORE_SECONDS: Final = 120.0
#: Seconds that a statement of a migration waits for a lock on a table in use.
LOCK_SECONDS: Final = 2
#: The plugin in what a start is doing.
_PLUGIN: Final = re.compile(r" of plugin '(\w+)'")


@dataclasses.dataclass(slots=True)
class StartCheck:
    """What serving would say. `plugins`: as `PluginRecord.described()`.

    `refusals`: why the server would not start. `notes`: what was not tried, and policy files that would be rejected.
    """

    plugins: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    refusals: list[str] = dataclasses.field(default_factory=list)
    notes: list[str] = dataclasses.field(default_factory=list)

    @property
    def failed(self) -> list[dict[str, Any]]:
        """Those of `plugins` that would fail."""
        return [one for one in self.plugins if one["state"] == "failed"]


class StartCheckEnded(OperatorError):
    """The process of the check ended, or took too long. `plugin`: which was called last; empty = none is known."""

    def __init__(self, reason: str, doing: str, fault: FaultKind) -> None:
        super().__init__(f"{reason} while it was {doing}")
        self.fault = fault
        named = _PLUGIN.search(doing)
        self.plugin = named[1] if named else ""


def check_start(loaded: LoadedSettings, *, packaged_policies_only: bool = False) -> StartCheck:
    """Start as for serving, in another process, and return what became of the plugins.

    A plugin that ends the process, or keeps it from going on, fails, and the others are tried without it.
    `packaged_policies_only`: without the operator's policy files. Raises: OperatorError if no plugin can be loaded.
    """
    ended: dict[str, StartCheckEnded] = {}
    while True:
        try:
            found = _check_once(_without(loaded, ended), packaged_policies_only)
        except StartCheckEnded as error:
            if not error.plugin or error.plugin in ended:
                raise
            ended[error.plugin] = error
            continue
        for one in found.plugins:
            if error_of := ended.get(one["name"]):
                one |= {"state": "failed", "fault": error_of.fault, "reason": str(error_of)}
        found.refusals[:0] = [f"plugin {name!r}: {error}" for name, error in ended.items()]
        return found


def _without(loaded: LoadedSettings, plugins: Iterable[str]) -> LoadedSettings:
    """Return the settings with these plugins disabled."""
    choice = loaded.settings.plugins
    disabled = msgspec.structs.replace(choice, disable=[*choice.disable, *plugins])
    return dataclasses.replace(
        loaded, settings=msgspec.structs.replace(loaded.settings, plugins=disabled)
    )


def _check_once(loaded: LoadedSettings, packaged_policies_only: bool) -> StartCheck:
    """Start once. Raises: StartCheckEnded; OperatorError."""
    # A forked process has imported everything already. On a Mac, system libraries do not stand it.
    context: Any = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    with _working_directory(loaded) as directory:
        plan = _Plan(
            loaded, directory, f"portico_check_{secrets.token_hex(6)}", packaged_policies_only
        )
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=_run, args=(plan, theirs), daemon=True)
        process.start()
        theirs.close()
        try:
            return _receive(ours, loaded.settings.server.start_limit + MORE_SECONDS)
        except StartCheckEnded:
            process.kill()
            asyncio.run(_drop_schema(plan))
            raise
        finally:
            process.kill()
            process.join()


@dataclasses.dataclass(frozen=True, slots=True)
class _Plan:
    """What one check works with. `schema`: of PostgreSQL, made for it. `directory`: the data directory of the start."""

    loaded: LoadedSettings
    directory: Path
    schema: str
    packaged_policies_only: bool

    @property
    def data_dir(self) -> Path:
        """The data directory of the settings."""
        return Path(self.loaded.settings.data_dir).absolute()


@contextlib.contextmanager
def _working_directory(loaded: LoadedSettings) -> Iterator[Path]:
    """Make a directory beside the data, which only this user may read."""
    data_dir = Path(loaded.settings.data_dir).absolute()
    parent = data_dir if os.access(data_dir, os.W_OK) else None
    directory = tempfile.mkdtemp(prefix=".plugin-check-", dir=parent)
    try:
        yield Path(directory)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


async def _drop_schema(plan: _Plan) -> None:
    """Delete what a process that was ended has left in PostgreSQL."""
    settings = plan.loaded.settings.database
    if isinstance(find_database(settings, plan.data_dir), SQLiteAddress):
        return
    database = open_database(settings, plan.data_dir)
    with contextlib.suppress(Unavailable, OperatorError):
        await database.start()
        await database.execute(f'DROP SCHEMA IF EXISTS "{plan.schema}" CASCADE')
        await database.stop()


def _receive(connection: Connection, limit: float) -> StartCheck:
    """Return the result of the other process. Raises: StartCheckEnded, with what it was doing last."""
    doing, end = "loading its plugins", time.monotonic() + limit
    while connection.poll(max(0.0, end - time.monotonic())):
        try:
            kind, value = connection.recv()
        except EOFError:
            raise StartCheckEnded("the process ended", doing, FaultKind.STARTUP) from None
        if kind == "doing":
            doing = value
        elif kind == "error":
            raise OperatorError(value)
        else:
            return StartCheck(**value)
    raise StartCheckEnded(f"the start did not end within {limit:g} s", doing, FaultKind.TIMEOUT)


def _run(plan: _Plan, connection: Connection) -> None:
    """Start in this process and send the result."""
    try:
        found = asyncio.Runner().run(_Start(plan, connection).run())
        connection.send(("done", dataclasses.asdict(found)))
    except OperatorError as error:
        connection.send(("error", str(error)))
    except Exception as error:  # noqa: BLE001 - a bug, which this process reports to the other one
        connection.send(("error", f"{type(error).__name__}: {error}"))
    connection.close()
    os._exit(0)  # whatever tasks and threads plugins have left


class _Start:
    """One start on a copy."""

    def __init__(self, plan: _Plan, connection: Connection) -> None:
        self._plan, self._connection = plan, connection
        self._loaded, self._data_dir = plan.loaded, plan.data_dir
        self._found = StartCheck()

    async def run(self) -> StartCheck:
        """Start, and describe the plugins. Raises: OperatorError."""
        try:
            async with self._copy() as copied:
                await self._start(copied)
        except _UnusableDatabase as error:
            # All the rest is tried nevertheless.
            await self._start(self._with(DatabaseSettings()))
            self._found.refusals[:0] = [f"the database cannot be used: {error}"]
        return self._found

    async def _start(self, loaded: LoadedSettings) -> None:
        from portico.app import Portico
        from portico.cli.commands import core_commands
        from portico.cli.plugin_commands import describe_commands

        portico = Portico(
            loaded,
            self._secret(),
            on_doing=lambda what: self._connection.send(("doing", what)),
        )
        try:
            async with asyncio.timeout(loaded.settings.server.start_limit + MORE_SECONDS / 2):
                self._found.notes += await portico.check_start(
                    packaged_policies_only=self._plan.packaged_policies_only
                )
        except TimeoutError:
            self._found.refusals.append(
                f"the start takes too long: it was {portico.application.doing}"
            )
        except OperatorError as error:
            self._found.refusals += str(error).splitlines()
        application = portico.application
        describe_commands(application, {str(one.name) for one in core_commands()})
        self._found.plugins = [record.described() for record in application.registry]
        with contextlib.suppress(Exception):
            async with asyncio.timeout(5):
                await portico.stop()

    def _secret(self) -> Secret | None:
        settings = self._loaded.settings
        if settings.identity.secret_key or (self._data_dir / FILE_NAME).exists():
            return ensure_secret_key(settings, self._data_dir)
        return None  # none was created yet

    @contextlib.asynccontextmanager
    async def _copy(self) -> AsyncIterator[LoadedSettings]:
        """Yield settings with a copy of the database and an empty data directory."""
        settings = self._loaded.settings
        address = find_database(settings.database, self._data_dir)
        if isinstance(address, SQLiteAddress):
            path = self._plan.directory / "portico.db"
            if size := _size_of(address.path):
                await self._copy_file(address.path, size, path)
            scheme = "sqlite" if address.password is None else "sqlite+sqlcipher"
            yield self._with_database(url=f"{scheme}://{path}")
            return
        schema = self._plan.schema
        database = await self._open()
        try:
            yield self._with_database(schema=schema)
            await self._try_pending(database)
        finally:
            with contextlib.suppress(Unavailable):
                await database.execute(f'DROP SCHEMA IF EXISTS "{schema}" CASCADE')
            await database.stop()

    async def _open(self) -> Database:
        """Return the database itself, started. Raises: _UnusableDatabase."""
        try:
            database = open_database(self._loaded.settings.database, self._data_dir)
            await database.start()
        except (Unavailable, OperatorError) as error:
            raise _UnusableDatabase(str(cause_of(error) or error.__cause__ or error)) from error
        return database

    async def _copy_file(self, path: Path, size: int, target: Path) -> None:
        if size > MAX_COPIED_BYTES:
            self._found.notes.append(
                f"{path} is larger than {MAX_COPIED_BYTES >> 30} GiB, so migrations were tried on an empty database"
            )
            return
        database = await self._open()
        try:
            with await database.open_copy() as source, target.open("wb") as copied:
                await asyncio.to_thread(shutil.copyfileobj, source, copied, 1024 * 1024)
        finally:
            await database.stop()

    def _with_database(self, **changes: Any) -> LoadedSettings:
        return self._with(msgspec.structs.replace(self._loaded.settings.database, **changes))

    def _with(self, database: DatabaseSettings) -> LoadedSettings:
        """Return the settings with another database and data directory."""
        copied = msgspec.structs.replace(database, require_existing=False)
        settings = msgspec.structs.replace(
            self._loaded.settings, data_dir=str(self._plan.directory), database=copied
        )
        if self._plan.packaged_policies_only:
            access = msgspec.structs.replace(settings.access, policy_dir="")
            settings = msgspec.structs.replace(settings, access=access)
        return dataclasses.replace(self._loaded, settings=settings)

    async def _try_pending(self, database: Database) -> None:
        """Apply pending migrations to the real tables and roll back. Adds what fails to the result."""
        from portico.boot import Application

        sets = Application(self._loaded).table_sets
        with database.use():
            status = await schema_status(database, sets)
        if status.unknown:
            self._found.refusals.append(
                f"a newer release has changed the schema: {', '.join(sorted(status.unknown))}"
            )
        if status.is_empty or not status.pending:
            return
        failed: dict[str, str] = {}
        async with database.migrating():
            with database.use(), contextlib.suppress(_RollBack):
                async with database.transaction():
                    await database.execute(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")
                    failed = (await apply_steps(database, sets)).failed
                    raise _RollBack
        for one in self._found.plugins:
            if (reason := failed.get(one["name"])) and one["state"] == "active":
                one |= {
                    "state": "failed",
                    "fault": "migration",
                    "reason": f"its migration failed: {reason}",
                    "contributes": {},
                }


def _size_of(path: Path) -> int:
    """Return the bytes of a file; 0 = there is none."""
    return path.stat().st_size if path.exists() else 0


class _UnusableDatabase(Exception):
    """The database does not answer, or cannot be opened."""


class _RollBack(Exception):
    """Ends a transaction without a commit."""
