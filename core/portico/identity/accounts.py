"""Accounts: making, finding, changing and deleting them. There is always an administrator, and only one founder."""

from portico.db import UniqueViolation, after_commit, execute, new_id, now, rows, transaction
from portico.errors import ACTION_PROHIBITED, EMAIL_TAKEN, Forbidden, Invalid, NotFound
from portico.events import Bus
from portico.identity.account import (
    DEFAULT_PICTURE,
    Account,
    check_email,
    check_name,
    check_picture,
    check_role,
)
from portico.identity.events import AccountChanged, AccountCreated, AccountDeleted, AccountLeaving
from portico.identity.sessions import Sessions

#: Accounts on one page of a list.
PAGE = 30
#: Pages beyond are empty anyway; a database counts no further than 64 bits.
LAST_PAGE = 2**32

_INSERT = (
    "INSERT INTO portico_account "
    "(id, email, role, name, profile_image_url, last_active_at, updated_at, created_at) "
    "VALUES ($1, $2, $3, $4, $5, $6, $6, $6)"
)
_SET_HASH = (
    "INSERT INTO portico_password (account_id, hash, updated_at) VALUES ($1, $2, $3) "
    "ON CONFLICT (account_id) DO UPDATE SET hash = excluded.hash, updated_at = excluded.updated_at"
)
# Everybody who comes at the same time waits here for the row, and finds it filled in.
_FOUND = (
    "UPDATE portico_founder SET account_id = $1 WHERE id = 1 AND account_id IS NULL "
    "AND NOT EXISTS (SELECT 1 FROM portico_account) RETURNING id"
)
# Two administrators who demote each other take turns here; the second sees what the first did.
_LOCK_ADMINS = "UPDATE portico_founder SET account_id = account_id WHERE id = 1"
_OTHER_ADMIN = "SELECT 1 FROM portico_account WHERE role = 'admin' AND id <> $1 LIMIT 1"
_BY_ID = "SELECT * FROM portico_account WHERE id = $1"
_BY_EMAIL = "SELECT * FROM portico_account WHERE email = $1"
_PROOF = (
    "SELECT a.*, p.hash FROM portico_account a "
    "LEFT JOIN portico_password p ON p.account_id = a.id WHERE a.email = $1"
)
_PAGE = "SELECT * FROM portico_account ORDER BY created_at DESC, id DESC LIMIT $1 OFFSET $2"
_ALL = "SELECT * FROM portico_account ORDER BY created_at DESC, id DESC"
_SET_ROLE = "UPDATE portico_account SET role = $1, updated_at = $2 WHERE id = $3"
_TOUCH = "UPDATE portico_account SET updated_at = $1 WHERE id = $2"


class Accounts:
    """Everybody who has an account. Raises NotFound wherever an id must exist and does not."""

    def __init__(self, sessions: Sessions, bus: Bus, default_role: str) -> None:
        self._sessions = sessions
        self._bus = bus
        self._default_role = default_role

    async def create_account(
        self,
        *,
        name: str,
        email: str,
        password_hash: str | None,
        role: str | None = None,
        profile_image_url: str = DEFAULT_PICTURE,
        founding: bool = False,
    ) -> Account:
        """A new account. The very first one is an administrator's, whatever `role` says.

        `role` None = the default one. `founding`: only if it is the very first. Raises: Invalid for a taken or
        malformed e-mail address, role, name or picture; Forbidden if `founding` came too late.
        """
        email, name = check_email(email), check_name(name)
        role = check_role(role or self._default_role)
        picture = check_picture(profile_image_url)
        account_id, at = new_id(), now()
        try:
            async with transaction():
                if await rows(_FOUND, account_id):
                    role = "admin"
                elif founding:
                    raise Forbidden
                await execute(_INSERT, account_id, email, role, name, picture, at)
                if password_hash is not None:
                    await execute(_SET_HASH, account_id, password_hash, at)
                created = AccountCreated(account_id, role)
                after_commit(lambda: self._bus.publish(created))
        except UniqueViolation as error:
            raise Invalid(EMAIL_TAKEN) from error
        return await self.by_id(account_id)

    async def find(self, account_id: str) -> Account | None:
        """The account of this id, if there is one."""
        found = [] if "\x00" in account_id else await rows(_BY_ID, account_id)
        return Account(**found[0]) if found else None

    async def by_id(self, account_id: str) -> Account:
        """The account of this id. Raises: NotFound."""
        account = await self.find(account_id)
        if account is None:
            raise NotFound
        return account

    async def by_email(self, email: str) -> Account | None:
        """The account of this e-mail address, in any case."""
        found = [] if "\x00" in email else await rows(_BY_EMAIL, email.lower())
        return Account(**found[0]) if found else None

    async def proof(self, email: str) -> tuple[Account | None, str | None]:
        """What a sign-in by password is checked against: the account and the hash, where there are such."""
        found = [] if "\x00" in email else await rows(_PROOF, email.lower())
        if not found:
            return None, None
        hashed = found[0].pop("hash")
        return Account(**found[0]), hashed

    async def check_free(self, email: str) -> str:
        """The address as it will be stored. Raises: Invalid if it is malformed or taken.

        Said early, before a password is hashed; `create_account` is what decides.
        """
        email = check_email(email)
        if await self.by_email(email) is not None:
            raise Invalid(EMAIL_TAKEN)
        return email

    async def page(self, number: int = 1) -> list[Account]:
        """One page of everybody, newest first. Shape: at most 30. A number below 1 means 1."""
        skip = (min(max(number, 1), LAST_PAGE) - 1) * PAGE
        return [Account(**found) for found in await rows(_PAGE, PAGE, skip)]

    async def all(self) -> list[Account]:
        """Everybody, newest first."""
        return [Account(**found) for found in await rows(_ALL)]

    async def count(self) -> int:
        """How many accounts there are."""
        return int((await rows("SELECT COUNT(*) AS n FROM portico_account"))[0]["n"])

    async def anyone(self) -> bool:
        """Whether there is any account yet."""
        return bool(await rows("SELECT 1 FROM portico_account LIMIT 1"))

    async def set_role(self, account_id: str, role: str) -> Account:
        """Give an account another role, which ends its sign-ins.

        Raises: Invalid for an unknown role; Forbidden if nobody would be left to administer.
        """
        role = check_role(role)
        async with transaction():
            await execute(_LOCK_ADMINS)
            account = await self.by_id(account_id)
            if account.role == role:
                return account
            await self._keep_an_admin(account)
            await execute(_SET_ROLE, role, now(), account_id)
            await self._sessions.close_all(account_id)
            after_commit(lambda: self._bus.publish(AccountChanged(account_id)))
            return await self.by_id(account_id)

    async def set_password_hash(
        self, account_id: str, password_hash: str, keep: str | None = None
    ) -> None:
        """Give an account another password, which ends its sign-ins but for `keep`."""
        async with transaction():
            if not await execute(_TOUCH, now(), account_id):
                raise NotFound
            await execute(_SET_HASH, account_id, password_hash, now())
            await self._sessions.close_all(account_id, keep)
            after_commit(lambda: self._bus.publish(AccountChanged(account_id)))

    async def delete(self, account_id: str, by: str, *, delete_content: bool = False) -> None:
        """Delete an account with all that is its own, in every plugin, or nothing of it.

        `by`: who inherits what others still use. Raises: Forbidden if nobody would be left to administer.
        """
        heir = None if delete_content or by == account_id else by
        async with transaction():
            await execute(_LOCK_ADMINS)
            await self._keep_an_admin(await self.by_id(account_id))
            await self._bus.involve(AccountLeaving(account_id, heir))
            await self._sessions.close_all(account_id)
            await execute("DELETE FROM portico_account WHERE id = $1", account_id)
            after_commit(lambda: self._bus.publish(AccountDeleted(account_id)))

    async def _keep_an_admin(self, leaving: Account) -> None:
        if leaving.role == "admin" and not await rows(_OTHER_ADMIN, leaving.id):
            raise Forbidden(ACTION_PROHIBITED)
