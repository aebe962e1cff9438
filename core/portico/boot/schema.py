"""Opens the database of an application and migrates it, if it is the right database."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from portico import (
    audit,
    encryption,
    identity,
    instances,
    permissions,
    rate_limits,
    retention,
    runtime_settings,
    tasks,
)
from portico.db import MigrationReport, TableSet, cause_of
from portico.db.address import find_database
from portico.errors import OperatorError, Unavailable
from portico.instances import (
    DatabaseIdentity,
    MissingDatabase,
    OwnInstance,
    SchemaRefused,
    bring_up_to_date,
)

if TYPE_CHECKING:
    from portico.boot.application import Application
    from portico.wiring import CoreServices

log = structlog.get_logger("portico")

#: The tables of the core packages by owner, in the order in which they are migrated. The owners are stored: never rename them.
CORE_TABLES: dict[str, TableSet] = {
    "instances": instances.TABLES,
    "audit": audit.TABLES,
    "configuration": runtime_settings.TABLES,
    "identity": identity.TABLES,
    "limits": rate_limits.TABLES,
    "permissions": permissions.TABLES,
    "retention": retention.TABLES,
    "tasks": tasks.TABLES,
    "vault": encryption.TABLES,
}


class CannotStart(OperatorError):
    """The application cannot start. Each reason is one sentence that says what to do."""

    def __init__(self, reasons: Sequence[str]) -> None:
        super().__init__("\n".join(reasons))
        self.reasons = list(reasons)


async def start_database(core: "CoreServices") -> None:
    """Open the database. Raises: CannotStart with the cause; BadDatabase."""
    with _reported_causes(core):
        await core.database.start()


@contextmanager
def _reported_causes(core: "CoreServices") -> Iterator[None]:
    """Turn Unavailable into CannotStart with the cause."""
    try:
        yield
    except Unavailable as error:
        cause = cause_of(error)
        if cause is None and error.__cause__ is None:
            raise  # it does not come from the database
        settings = core.settings
        where = find_database(settings.database, Path(settings.data_dir).absolute())
        verb = (
            "does not answer" if cause is None or cause.kind == "unreachable" else "cannot be used"
        )
        raise CannotStart([f"the database {where} {verb}: {cause or error.__cause__}"]) from error


def database_identity(core: "CoreServices") -> DatabaseIdentity:
    """Return how to tell whether the database belongs to the data directory."""
    settings = core.settings.database
    return DatabaseIdentity(
        Path(core.settings.data_dir).absolute(),
        settings.require_existing,
        settings.new,
        core.identity.accounts.any_exists,
    )


async def open_schema(application: "Application", instance: OwnInstance | None) -> MigrationReport:
    """Migrate the database, if it is the right one and this release may. Raises: CannotStart.

    A worker never migrates. `instance`: the row of this process, if it is going to serve.
    """
    core = application
    settings = core.settings.database
    if settings.force:
        log.warning("database.force is set: a newer release may have changed the schema")
    try:
        with _reported_causes(core):
            return await bring_up_to_date(
                core.database,
                application.table_sets,
                migrate=settings.migrate_on_start and core.instance.role != "worker",
                force=settings.force,
                instance=instance,
                identity=database_identity(core),
                on_step=application.report_migration,
            )
    except (SchemaRefused, MissingDatabase) as error:
        raise CannotStart(str(error).splitlines()) from error
