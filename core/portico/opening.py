"""Opening the database of an application: that it can be reached, is the right one, and has the right schema."""

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
    from portico.app import Portico

log = structlog.get_logger("portico")

#: The migrations of the core, in the order in which they run.
CORE_TABLES: dict[str, TableSet] = {
    "instances": instances.TABLES,
    "audit": audit.TABLES,
    "configuration": runtime_settings.TABLES,
    "identity": identity.TABLES,
    "limits": rate_limits.TABLES,
    "permissions": permissions.TABLES,
    "retention": retention.TABLES,
    "vault": encryption.TABLES,
}


class CannotStart(OperatorError):
    """The house cannot open. Each reason is one sentence that says what to do."""

    def __init__(self, reasons: Sequence[str]) -> None:
        super().__init__("\n".join(reasons))
        self.reasons = list(reasons)


async def start_database(portico: "Portico") -> None:
    """Open it. Raises: CannotStart with the cause; BadDatabase."""
    with causes_told(portico):
        await portico.database.start()


@contextmanager
def causes_told(portico: "Portico") -> Iterator[None]:
    """A database that cannot be used stops the start, and the cause is said. Raises: CannotStart."""
    try:
        yield
    except Unavailable as error:
        cause = cause_of(error)
        if cause is None and error.__cause__ is None:
            raise  # not of the database
        settings = portico.settings
        where = find_database(settings.database, Path(settings.data_dir).absolute())
        verb = "does not answer" if cause is None or cause.kind == "away" else "cannot be used"
        raise CannotStart([f"the database {where} {verb}: {cause or error.__cause__}"]) from error


def database_identity(portico: "Portico") -> DatabaseIdentity:
    """Which database belongs to the data directory."""
    settings = portico.settings.database
    return DatabaseIdentity(
        Path(portico.settings.data_dir).absolute(),
        settings.require_existing,
        settings.new,
        portico.identity.accounts.any_exists,
    )


async def open_schema(portico: "Portico", instance: OwnInstance | None) -> MigrationReport:
    """Bring it up to date, if it is the right one and this release may. Raises: CannotStart."""
    settings = portico.settings.database
    if settings.force:
        log.warning("database.force is set: the schema may be one that this release does not know")
    try:
        with causes_told(portico):
            return await bring_up_to_date(
                portico.database,
                portico.table_sets,
                migrate=settings.migrate,
                force=settings.force,
                instance=instance,
                identity=database_identity(portico),
            )
    except (SchemaRefused, MissingDatabase) as error:
        raise CannotStart(str(error).splitlines()) from error
