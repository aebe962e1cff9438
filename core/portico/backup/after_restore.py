"""What is changed in a restored database before it takes the place of the former one."""

from collections.abc import Mapping
from typing import Final

from portico.audit import record_change
from portico.backup.errors import BackupRefused
from portico.backup.manifest import BackupManifest
from portico.db import Database, TableSet, execute, fetch_one, schema_status
from portico.db.table_guard import existing_tables
from portico.instances import unknown_steps

#: How far revisions are moved on: further than the former database can have come since the backup.
REVISION_STEP: Final = 1_000_000_000
#: Rows of processes that ran when the backup was made.
_OF_PROCESSES: Final = ("portico_instance", "portico_instance_message")


async def adapt(
    database: Database,
    sets: Mapping[str, TableSet],
    manifest: BackupManifest,
    *,
    keep_sessions: bool,
) -> None:
    """End the sessions, move the revisions on and write an audit entry. Call it in a transaction of the current database.

    Raises: BackupRefused if the backup was made by a newer release.
    """
    if unknown := unknown_steps(await schema_status(database, sets)):
        raise BackupRefused(
            f"The backup was made by a newer release ({manifest.release}); this one does not know: {unknown}. Restore it "
            "with that release."
        )
    tables = await existing_tables(database)
    for table in _OF_PROCESSES:
        if table in tables:
            await execute(f"DELETE FROM {table}")  # noqa: S608 - constants
    if not keep_sessions and "portico_session" in tables:
        await execute("DELETE FROM portico_session")
        await execute("UPDATE portico_account SET epoch = epoch + 1")
    for table, column in sorted({place for one in sets.values() for place in one.revisions}):
        if table in tables:
            await execute(f'UPDATE "{table}" SET "{column}" = "{column}" + {REVISION_STEP}')  # noqa: S608
    if "portico_audit" in tables:
        row = await fetch_one("SELECT database_id FROM portico_database WHERE id = 1")
        about = {
            "backup": manifest.id,
            "made_at": manifest.begun_at,
            "release": manifest.release,
            "sessions_kept": keep_sessions,
        }
        await record_change(
            "database.restored", "database", row["database_id"] if row else "", None, about
        )
