"""Stored keys of e-mail addresses: filled in for old accounts, and accounts whose keys collide.

Accounts of an earlier release may have addresses with the same key. They are marked as colliding, and each is found by
its exact address only. A new account never gets the key of another one.
"""

import structlog

from portico.db import Database, execute, fetch_one
from portico.identity.accounts.email_address import email_key

BATCH_SIZE = 500

_WITHOUT = "SELECT id, email FROM portico_account WHERE email_key IS NULL ORDER BY id LIMIT $1"
_OTHERS = "UPDATE portico_account SET colliding = TRUE WHERE email_key = $1"
_SET = "UPDATE portico_account SET email_key = $1, colliding = $2 WHERE id = $3"
_ALONE = (
    "UPDATE portico_account SET colliding = FALSE WHERE email_key = $1 AND colliding = TRUE "
    "AND (SELECT COUNT(*) FROM portico_account WHERE email_key = $1) = 1"
)
_COLLIDING = "SELECT COUNT(*) AS n FROM portico_account WHERE colliding = TRUE"

log = structlog.get_logger("portico.identity")


async def fill_email_keys(database: Database) -> None:
    """Store the key of every account that has none because an older release created it."""
    while rows := await database.rows(_WITHOUT, BATCH_SIZE):
        async with database.transaction():
            for row in rows:
                key = email_key(row["email"])
                others = await database.execute(_OTHERS, key)
                await database.execute(_SET, key, others > 0, row["id"])


async def clear_collision(key: str | None) -> None:
    """Clear the mark of the last account with this key, after another one changed its address or was deleted."""
    if key is not None:
        await execute(_ALONE, key)


async def warn_of_collisions() -> None:
    """Log a warning if there are accounts whose addresses collide."""
    row = await fetch_one(_COLLIDING)
    if row and row["n"]:
        log.warning(
            "several accounts have the same e-mail address; each can sign in with its exact spelling only",
            accounts=row["n"],
            see="portico user list --colliding",
        )
