"""Applies the migrations of the core and of plugins.

Piccolo's own migrations are not used: they import files by bare name, so that of two plugins with a `0001_initial` one is
run twice, and they record a migration after its commit, so that a crash in between repeats it.
"""

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from portico.db.clock import now
from portico.db.database import Database, Dialect
from portico.db.errors import BadMigration
from portico.db.migration_checksums import (
    CHECKSUM_TABLE,
    edited_reason,
    rename_checksums,
    store_checksums,
    stored_checksums,
)
from portico.db.migration_files import (
    Migration,
    file_checksum,
    list_migrations,
    read_migration,
)
from portico.db.table_guard import TableGuard, existing_tables
from portico.db.tableset import TableSet
from portico.errors import Unavailable, error_text
from portico.plugin_errors.plugin_exit import is_failure, uncancelled

CORE = "portico"
MIGRATION_TABLE = (
    "CREATE TABLE IF NOT EXISTS portico_migration ("
    "plugin TEXT NOT NULL, name TEXT NOT NULL, applied_at BIGINT NOT NULL, "
    "PRIMARY KEY (plugin, name))"
)

#: Seconds after which a migration that is running is logged, each time.
REPORT_SECONDS = 60.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class MigrationReport:
    """The result of `migrate`, by plugin."""

    applied: dict[str, list[str]] = field(default_factory=dict)
    #: The reason. Earlier migrations of the plugin stay applied.
    failed: dict[str, str] = field(default_factory=dict)
    #: The errors of those whose migrations were run.
    errors: dict[str, BadMigration] = field(default_factory=dict)
    unknown: dict[str, list[str]] = field(
        default_factory=dict
    )  # applied by a newer release; left alone


@dataclass(frozen=True)
class SchemaStatus:
    """Which migrations are pending, and which applied ones this release does not know, by plugin.

    Plugins without any are left out. Plugins that are not loaded are ignored.
    """

    pending: dict[str, list[Migration]] = field(default_factory=dict)
    unknown: dict[str, list[str]] = field(default_factory=dict)  # applied by a newer release
    known: dict[str, list[str]] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)  # why a plugin's files cannot be read
    formerly: dict[str, tuple[str, ...]] = field(default_factory=dict)  # earlier names of owners
    renamed: set[str] = field(
        default_factory=set
    )  # owners with steps recorded under an earlier name
    unrecorded: dict[str, dict[str, str]] = field(
        default_factory=dict
    )  # checksums of applied steps that are not stored yet, by owner and name
    is_empty: bool = False  # nothing was ever applied, by any plugin

    @property
    def pending_names(self) -> dict[str, list[str]]:
        """The names of the pending migrations."""
        return {plugin: [step.name for step in steps] for plugin, steps in self.pending.items()}


async def migrate(
    database: Database,
    sets: Mapping[str, TableSet],
    on_step: Callable[[str, str], None] | None = None,
) -> MigrationReport:
    """Apply pending migrations, of the core first, then in the order of `sets`.

    Several processes may run it at once, and it may be killed at any time: each migration is applied and recorded
    in one transaction. `on_step(plugin, name)` is called before each migration. A plugin whose migration fails is
    reported, and the others continue. Raises: Unavailable.
    """
    async with database.migrating():
        with database.use():
            return await apply_steps(database, sets, on_step)


async def apply_steps(
    database: Database,
    sets: Mapping[str, TableSet],
    on_step: Callable[[str, str], None] | None = None,
    status: SchemaStatus | None = None,
) -> MigrationReport:
    """As `migrate`, for a caller that holds `database.migrating()`. `status`: the present one, if it is known."""
    report = MigrationReport()
    await database.execute(MIGRATION_TABLE)
    await database.execute(CHECKSUM_TABLE)
    status = status or await schema_status(database, sets)
    guard = TableGuard(database, sets)
    for plugin in _ordered(sets):
        try:
            await _migrate_plugin(
                database, plugin, sets[plugin], status, report, on_step=on_step, guard=guard
            )
        except BadMigration as error:
            logger.warning("The migrations of %s failed", plugin, exc_info=error)
            report.failed[plugin], report.errors[plugin] = error_text(error), error
    await _check_tables(database, sets, report)
    return report


async def _check_tables(
    database: Database, sets: Mapping[str, TableSet], report: MigrationReport
) -> None:
    """Add to `report` the owners of which no migration creates a table that they declare."""
    existing = await existing_tables(database)
    for owner, tables in sets.items():
        names = [table._meta.tablename for table in tables.tables]
        missing = [name for name in names if name not in existing]
        if missing and owner not in report.failed:
            report.failed[owner] = (
                f"{tables.migrations}: no migration creates the table {missing[0]!r}; add one, or "
                "do not declare the table"
            )


async def schema_status(database: Database, sets: Mapping[str, TableSet]) -> SchemaStatus:
    """Compare the applied migrations with those of these plugins. Changes nothing."""
    applied = await _all_applied(database)
    checksums = await stored_checksums(database)
    status = SchemaStatus(is_empty=not applied)
    for plugin in _ordered(sets):
        if sets[plugin].formerly:
            status.formerly[plugin] = sets[plugin].formerly
            if any(name in applied for name in sets[plugin].formerly):
                status.renamed.add(plugin)
        done = _applied_by(applied, plugin, sets[plugin])
        try:
            names, missing = _read_pending(sets[plugin].migrations, done, database.dialect)
            stored = _checksums_of(checksums, plugin, sets[plugin])
            if unrecorded := _check_unchanged(sets[plugin], done, stored, database.dialect):
                status.unrecorded[plugin] = unrecorded
        except BadMigration as error:
            status.unreadable[plugin] = str(error)
            continue
        except BaseException as error:  # of the package of migrations, which is imported
            if not is_failure(error):
                raise
            package = sets[plugin].migrations
            status.unreadable[plugin] = (
                f"{package} cannot be read: {type(error).__name__}: {error_text(error)}"
            )
            continue
        status.known[plugin] = names
        if missing:
            status.pending[plugin] = missing
        if unknown := sorted(done.difference(names)):
            status.unknown[plugin] = unknown
    return status


async def pending(database: Database, sets: Mapping[str, TableSet]) -> dict[str, list[str]]:
    """Return the names of pending migrations by plugin. Plugins without any are left out.

    Raises: BadMigration for a plugin whose migrations cannot be read.
    """
    status = await schema_status(database, sets)
    for reason in status.unreadable.values():
        raise BadMigration(reason)
    return status.pending_names


async def _migrate_plugin(
    database: Database,
    plugin: str,
    tables: TableSet,
    status: SchemaStatus,
    report: MigrationReport,
    *,
    on_step: Callable[[str, str], None] | None,
    guard: TableGuard,
) -> None:
    if plugin in status.unreadable:
        raise BadMigration(status.unreadable[plugin])
    unknown = status.unknown.get(plugin, [])
    if unknown:
        report.unknown[plugin] = unknown
    numbers = {name[:4]: name for name in unknown}
    for step in status.pending.get(plugin, ()):
        if other := numbers.get(step.name[:4]):
            raise BadMigration(f"{step.name} was already applied under the name {other}")
        if on_step is not None:
            on_step(plugin, step.name)
        await _apply(database, plugin, step, tables, guard)
        report.applied.setdefault(plugin, []).append(step.name)
    if unrecorded := status.unrecorded.get(plugin):
        async with database.transaction():
            await store_checksums(database, plugin, unrecorded)
    if plugin in status.renamed and plugin not in report.applied:
        async with database.transaction():
            await _rename_owner(database, plugin, tables)


async def _apply(
    database: Database, plugin: str, step: Migration, tables: TableSet, guard: TableGuard
) -> None:
    try:
        await guard.look()
        async with database.transaction():
            await _rename_owner(database, plugin, tables)
            with _watched(plugin, step.name), uncancelled():
                await step.run(database)
            await database.check_foreign_keys()
            await guard.check(plugin)
            await database.execute(
                "INSERT INTO portico_migration (plugin, name, applied_at) VALUES ($1, $2, $3)",
                plugin,
                step.name,
                now(),
            )
            await store_checksums(database, plugin, {step.name: step.checksum})
    except Unavailable:
        raise
    except BaseException as error:  # a plugin's step may raise anything
        if not is_failure(error):
            raise
        reason = f"{step.name}: {type(error).__name__}: {error_text(error)}"
        raise BadMigration(reason, step.file) from error


@contextmanager
def _watched(plugin: str, name: str) -> Iterator[None]:
    """Log while a migration takes long which one it is. It has no limit, since a large table may take hours."""
    ended = threading.Event()

    def report() -> None:
        minutes = 0
        while not ended.wait(REPORT_SECONDS):
            minutes += 1
            logger.warning(
                "The migration %s of %s has been running for %d min", name, plugin, minutes
            )

    threading.Thread(target=report, name="migration-report", daemon=True).start()
    try:
        yield
    finally:
        ended.set()


def _read_pending(
    package: str, done: set[str], dialect: Dialect
) -> tuple[list[str], list[Migration]]:
    """Return the names of all migrations of a package, and those that are not done. Only the latter are read."""
    found = list_migrations(package)
    missing = [
        read_migration(package, name, endings, dialect)
        for name, endings in found.items()
        if name not in done
    ]
    return list(found), missing


def _applied_by(applied: Mapping[str, set[str]], plugin: str, tables: TableSet) -> set[str]:
    """Return the steps of a plugin that are applied, under its present name or an earlier one."""
    names = (plugin, *tables.formerly)
    return set().union(*(applied.get(name, set()) for name in names))


def _check_unchanged(
    tables: TableSet, done: set[str], stored: Mapping[str, str], dialect: Dialect
) -> dict[str, str]:
    """Compare the files of the applied migrations of an owner with what was applied.

    Returns the checksums of those of which none is stored. Raises: BadMigration if one was edited.
    """
    if tables.migrations.startswith(f"{CORE}."):
        return {}  # the core cannot be left out, and its files are part of the release
    found = list_migrations(tables.migrations)
    unrecorded = {}
    for name in found.keys() & done:
        checksum = file_checksum(tables.migrations, name, found[name], dialect)
        if name not in stored:
            unrecorded[name] = checksum
        elif stored[name] != checksum:
            raise BadMigration(edited_reason(tables.migrations, name, max(found)))
    return unrecorded


def _checksums_of(
    checksums: Mapping[str, Mapping[str, str]], plugin: str, tables: TableSet
) -> dict[str, str]:
    """Return the stored checksums of a plugin, under its present name or an earlier one."""
    found: dict[str, str] = {}
    for name in (*tables.formerly, plugin):
        found |= checksums.get(name, {})
    return found


async def _rename_owner(database: Database, plugin: str, tables: TableSet) -> None:
    """Record the steps that a plugin applied under an earlier name as its own."""
    for name in tables.formerly:
        await database.execute(
            "UPDATE portico_migration SET plugin = $1 WHERE plugin = $2", plugin, name
        )
    await rename_checksums(database, plugin, tables.formerly)


async def _all_applied(database: Database) -> dict[str, set[str]]:
    """Return the names of all applied migrations by plugin, loaded or not."""
    exists = (
        "SELECT 1 FROM sqlite_master WHERE name = 'portico_migration'"
        if database.dialect == "sqlite"
        else "SELECT 1 WHERE to_regclass('portico_migration') IS NOT NULL"
    )
    applied: dict[str, set[str]] = {}
    if await database.rows(exists):
        for row in await database.rows("SELECT plugin, name FROM portico_migration"):
            applied.setdefault(row["plugin"], set()).add(row["name"])
    return applied


def _ordered(sets: Mapping[str, TableSet]) -> list[str]:
    return sorted(sets, key=lambda plugin: plugin != CORE)  # the sort is stable
