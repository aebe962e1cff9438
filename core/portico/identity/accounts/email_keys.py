"""The stored keys of e-mail addresses: made for accounts that have none, and accounts whose addresses are one.

Accounts of an earlier release may have addresses with one key. They are marked and stay apart: each is found by exactly
its own address. No new account gets the key of another.
"""

import structlog

from portico.db import Database, execute, fetch_one
from portico.identity.accounts.email_address import email_key

#: Accounts at once.
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
    """Give a key to every account that has none: those of before there were keys, or of an older instance."""
    while found := await database.rows(_WITHOUT, BATCH_SIZE):
        async with database.transaction():
            for one in found:
                key = email_key(one["email"])
                others = await database.execute(_OTHERS, key)
                await database.execute(_SET, key, others > 0, one["id"])


async def clear_collision(key: str | None) -> None:
    """An account with this key has another address now, or is gone: the last one left collides with nobody."""
    if key is not None:
        await execute(_ALONE, key)


async def warn_of_collisions() -> None:
    """Say at the start that there are accounts whose addresses are one."""
    found = await fetch_one(_COLLIDING)
    if found and found["n"]:
        log.warning(
            "several accounts have what is one e-mail address; each signs in by exactly its own spelling",
            accounts=found["n"],
            see="portico user list --colliding",
        )
