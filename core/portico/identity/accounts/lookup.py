"""Lookup of single accounts by id or e-mail address, and of password hashes."""

from collections.abc import Sequence
from typing import Any

from portico.db import chunks, fetch_all, fetch_one, placeholders
from portico.errors import EMAIL_TAKEN, InvalidRequest, NotFound
from portico.identity.accounts.account import COLUMNS, Account
from portico.identity.accounts.email_address import (
    check_email,
    email_key,
    exact_spellings,
    is_plain,
)

_BY_ID = f"SELECT {COLUMNS} FROM portico_account WHERE id = $1"  # noqa: S608 - our own columns
_BY_EMAIL = (
    f"SELECT {COLUMNS}, "  # noqa: S608 - our own columns
    "(SELECT hash FROM portico_password WHERE account_id = portico_account.id) AS hash "
    "FROM portico_account WHERE email IN ($1, $2) OR email_key = $3"
)
_TAKEN = "SELECT 1 FROM portico_account WHERE email = $1 OR email_key = $2 LIMIT 1"
# The first account as it was recorded, else the oldest one.
_OLDEST = (
    "SELECT id, role FROM portico_account WHERE id = COALESCE("
    "(SELECT a.id FROM portico_first_account f JOIN portico_account a ON a.id = f.account_id WHERE f.id = 1), "
    "(SELECT id FROM portico_account ORDER BY created_at, id LIMIT 1))"
)


def _with_hash(row: dict[str, Any]) -> tuple[Account, str | None]:
    columns = {name: value for name, value in row.items() if name != "hash"}
    return Account(**columns), row["hash"]


def _is_storable(text: str) -> bool:
    """Return whether a database can store the text: no NUL and no lone surrogate."""
    return "\x00" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


class AccountLookup:
    """Finds single accounts."""

    async def find(self, account_id: str) -> Account | None:
        """Return the account with this id, or None."""
        rows = [] if "\x00" in account_id else await fetch_all(_BY_ID, account_id)
        return Account(**rows[0]) if rows else None

    async def existing_ids(self, account_ids: Sequence[str]) -> set[str]:
        """Return those of these ids that belong to an account. One statement for each 500."""
        there: set[str] = set()
        for ids in chunks(
            [account_id for account_id in dict.fromkeys(account_ids) if "\x00" not in account_id]
        ):
            sql = f"SELECT id FROM portico_account WHERE id IN ({placeholders(len(ids))})"  # noqa: S608
            there |= {row["id"] for row in await fetch_all(sql, *ids)}
        return there

    async def by_id(self, account_id: str) -> Account:
        """Return the account with this id. Raises: NotFound."""
        account = await self.find(account_id)
        if account is None:
            raise NotFound
        return account

    async def by_email(self, email: str) -> Account | None:
        """Return the account with this e-mail address in any spelling, or None. See `password_hash_of`."""
        return (await self.password_hash_of(email))[0]

    async def by_email_or_id(self, text: str) -> Account | None:
        """Return the account with this e-mail address or id, or None."""
        return await (self.by_email(text) if "@" in text else self.find(text))

    async def require_by_email(self, email: str) -> Account:
        """Return the account with this e-mail address. For the command line only, since the error says that none has it.

        Raises: NotFound.
        """
        account = await self.by_email(email)
        if account is None:
            raise NotFound(
                f"No account has the e-mail address {email}. `portico user list` lists all accounts."
            )
        return account

    async def password_hash_of(self, email: str) -> tuple[Account | None, str | None]:
        """Return the account with this e-mail address and its password hash; None where there is none.

        An exact match comes first, else the only account with the same `email_key`. An address with look-alike
        characters matches exactly only.
        """
        spellings = exact_spellings(email)
        key = email_key(email) if is_plain(email) else ""
        rows = await fetch_all(_BY_EMAIL, *spellings, key) if _is_storable(email) else []
        for spelling in spellings:
            for row in rows:
                if row["email"] == spelling:
                    return _with_hash(row)
        return _with_hash(rows[0]) if len(rows) == 1 else (None, None)

    async def check_free(self, email: str) -> str:
        """Return the address as it will be stored. Raises: InvalidRequest if it is malformed or taken.

        An early check, before a password is hashed. The statement that stores the address decides.
        """
        email = check_email(email)
        if await fetch_all(_TAKEN, email, email_key(email)):
            raise InvalidRequest(EMAIL_TAKEN)
        return email

    async def picture_of(self, account_id: str) -> str:
        """Return the picture URL of an account. Raises: NotFound."""
        sql = "SELECT profile_image_url FROM portico_account WHERE id = $1"
        row = None if "\x00" in account_id else await fetch_one(sql, account_id)
        if row is None:
            raise NotFound
        return str(row["profile_image_url"])

    async def last_active(self, account_id: str) -> int | None:
        """Return the stored last-seen time of an account in epoch seconds; None = there is no such account."""
        sql = "SELECT last_active_at FROM portico_account WHERE id = $1"
        row = None if "\x00" in account_id else await fetch_one(sql, account_id)
        return int(row["last_active_at"]) if row else None

    async def first_admin_id(self) -> str | None:
        """Return the id of the first administrator, whom no other account may change; None if the oldest account is not one."""
        row = await fetch_one(_OLDEST)
        return str(row["id"]) if row and row["role"] == "admin" else None

    async def count(self) -> int:
        """Return the number of accounts."""
        return int((await fetch_all("SELECT COUNT(*) AS n FROM portico_account"))[0]["n"])

    async def count_active(self, since: int) -> int:
        """Return the number of accounts whose stored last-seen time is not before `since` (epoch seconds)."""
        sql = "SELECT COUNT(*) AS n FROM portico_account WHERE last_active_at >= $1"
        return int((await fetch_all(sql, since))[0]["n"])

    async def any_exists(self) -> bool:
        """Return whether there is an account."""
        return bool(await fetch_all("SELECT 1 FROM portico_account LIMIT 1"))
