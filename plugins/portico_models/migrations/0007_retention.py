# safe-beside: previous
"""What was changed long ago can be found to be deleted: times of changes, and an index for those of versions."""

from portico.api.db import Database, now


async def forwards(database: Database) -> None:
    """Changes so far count as made now."""
    await database.execute("CREATE INDEX models_version_at ON models_version (at)")
    await database.execute("ALTER TABLE models_change ADD COLUMN at BIGINT NOT NULL DEFAULT 0")
    await database.execute("UPDATE models_change SET at = $1", now())
    await database.execute("CREATE INDEX models_change_at ON models_change (at)")
