"""Whole rows of accounts, for exports and imports: read page by page, found in blocks, stored with all columns."""

from collections.abc import AsyncIterator, Sequence
from typing import Final, NamedTuple

from portico.db import chunks, execute, fetch_all, placeholders
from portico.identity.accounts.account import COLUMNS, Account, folded
from portico.identity.accounts.email_address import email_key

#: Accounts of one block. A picture has up to 256 KiB, and settings up to 1 MiB.
BLOCK: Final = 50
_PAGE: Final = (
    f"SELECT {COLUMNS}, "  # noqa: S608 - our own columns
    "(SELECT hash FROM portico_password WHERE account_id = portico_account.id) AS hash "
    f"FROM portico_account WHERE id > $1 AND (CAST($2 AS TEXT) = '' OR id = $2) ORDER BY id LIMIT {BLOCK}"
)
_FOUND: Final = "SELECT id, email, role, email_key FROM portico_account WHERE {} IN ({})"
_FIELDS: Final = Account.__struct_fields__
_INSERT: Final = (
    f"INSERT INTO portico_account ({COLUMNS}, folded, email_key) "  # noqa: S608 - our own columns
    f"VALUES ({placeholders(len(_FIELDS) + 2)}) ON CONFLICT DO NOTHING"
)
_SET_HASH: Final = (
    "INSERT INTO portico_password (account_id, hash, updated_at) VALUES ($1, $2, $3) "
    "ON CONFLICT (account_id) DO NOTHING"
)
_LINKS: Final = (
    "SELECT provider, subject, account_id FROM portico_identity_link WHERE account_id IN ({}) "
    "ORDER BY account_id, provider, created_at, subject"
)


class ExistingAccount(NamedTuple):
    """An account that an imported one may be."""

    id: str
    email: str
    role: str


class StoredAccount(NamedTuple):
    """An account with its password hash, and its subjects by provider."""

    account: Account
    password_hash: str | None
    links: dict[str, list[str]]


class AccountRows:
    """Reads and stores whole rows. Imported accounts are no news: nothing is published, and the audit log has one entry for all."""

    async def pages(self, account_id: str | None) -> AsyncIterator[list[StoredAccount]]:
        """Yield all accounts by id, or the one with this id. Holds no connection between blocks."""
        last = ""
        while rows := await fetch_all(_PAGE, last, account_id or ""):
            last = rows[-1]["id"]
            links = await self._links([row["id"] for row in rows])
            yield [
                StoredAccount(
                    Account(**{name: row[name] for name in _FIELDS}),
                    row["hash"],
                    links.get(row["id"], {}),
                )
                for row in rows
            ]

    async def _links(self, ids: Sequence[str]) -> dict[str, dict[str, list[str]]]:
        found: dict[str, dict[str, list[str]]] = {}
        for row in await fetch_all(_LINKS.format(placeholders(len(ids))), *ids):
            providers = found.setdefault(row["account_id"], {})
            providers.setdefault(row["provider"], []).append(row["subject"])
        return found

    async def by_ids(self, ids: Sequence[str]) -> dict[str, ExistingAccount]:
        """Return the accounts with these ids."""
        found = {}
        for some in chunks(list(ids)):
            for row in await fetch_all(_FOUND.format("id", placeholders(len(some))), *some):
                found[row["id"]] = ExistingAccount(row["id"], row["email"], row["role"])
        return found

    async def by_email_keys(self, keys: Sequence[str]) -> dict[str, list[ExistingAccount]]:
        """Return the accounts whose addresses have these keys: all of those that collide."""
        found: dict[str, list[ExistingAccount]] = {}
        for some in chunks(list(keys)):
            for row in await fetch_all(_FOUND.format("email_key", placeholders(len(some))), *some):
                one = ExistingAccount(row["id"], row["email"], row["role"])
                found.setdefault(row["email_key"], []).append(one)
        return found

    async def insert(self, account: Account, password_hash: str | None) -> bool:
        """Store an account with all its columns. Returns whether it was: neither its id nor its address was taken.

        It never becomes the first account, so its role is the given one.
        """
        values = [getattr(account, name) for name in _FIELDS]
        key = email_key(account.email)
        if not await execute(_INSERT, *values, folded(account.name, account.email), key):
            return False
        if password_hash is not None:
            await execute(_SET_HASH, account.id, password_hash, account.updated_at)
        return True
