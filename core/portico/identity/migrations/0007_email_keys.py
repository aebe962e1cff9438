"""Accounts are compared by a key of their e-mail addresses. Those whose addresses are one are marked, and stay apart."""
# safe-beside: previous

from portico.db import Database
from portico.identity.accounts.email_keys import fill_email_keys

_STATEMENTS = (
    # An instance of an older release makes accounts without one; the next start fills it in.
    "ALTER TABLE portico_account ADD COLUMN email_key TEXT",
    "ALTER TABLE portico_account ADD COLUMN colliding BOOLEAN NOT NULL DEFAULT FALSE",
    "CREATE INDEX portico_account_by_email_key ON portico_account (email_key)",
    "CREATE UNIQUE INDEX portico_account_one_email ON portico_account (email_key) WHERE colliding = FALSE",
)


async def forwards(database: Database) -> None:
    """Fold in Python: neither database knows the rules."""
    for statement in _STATEMENTS:
        await database.execute(statement)
    await fill_email_keys(database)
