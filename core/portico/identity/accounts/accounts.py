"""Accounts: making, changing and deleting them. There is always an administrator, and only one founder."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from portico.audit import drop_fields, record_change
from portico.db import (
    Deadlock,
    ForeignKeyViolation,
    UniqueViolation,
    after_commit,
    execute,
    fetch_all,
    fetch_one,
    hold_for_deletion,
    new_id,
    now,
    transaction,
)
from portico.errors import (
    ACTION_PROHIBITED,
    EMAIL_TAKEN,
    INVALID_CRED,
    Forbidden,
    InvalidRequest,
    NotFound,
)
from portico.events import EventBus
from portico.identity.accounts.account import (
    Account,
    check_name,
    check_role,
    folded,
    is_demotion,
)
from portico.identity.accounts.changes import AUDITED_FIELDS, CHANGEABLE, AccountChanges, audit_view
from portico.identity.accounts.email_address import check_email, email_key
from portico.identity.accounts.email_keys import clear_collision
from portico.identity.accounts.lookup import AccountLookup
from portico.identity.accounts.picture import DEFAULT_PICTURE, check_picture
from portico.identity.events import AccountChanged, AccountCreated, AccountDeleted, AccountDeleting

KIND = "account"
#: A plugin that is not active cannot hand over what it keeps.
OWNED_DATA_MESSAGE = (
    "[ERROR: Something still belongs to this account, and the plugin that keeps it is not active]"
)

#: How often a deletion is tried that meets writers who are at work on what belongs to the account.
MAX_ATTEMPTS = 5

_INSERT = (
    "INSERT INTO portico_account "
    "(id, email, role, name, profile_image_url, folded, email_key, last_active_at, updated_at, created_at) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $8)"
)
_SET_HASH = (
    "INSERT INTO portico_password (account_id, hash, updated_at) VALUES ($1, $2, $3) "
    "ON CONFLICT (account_id) DO UPDATE SET hash = excluded.hash, updated_at = excluded.updated_at"
)
_RENEW_HASH = "UPDATE portico_password SET hash = $3 WHERE account_id = $1 AND hash = $2"
# Everybody who comes at the same time waits here for the row, and finds it filled in.
_CLAIM_FOUNDER = (
    "UPDATE portico_founder SET account_id = $1 WHERE id = 1 AND account_id IS NULL "
    "AND NOT EXISTS (SELECT 1 FROM portico_account) RETURNING id"
)
# Two administrators who demote each other take turns here; the second sees what the first did.
_LOCK_ADMINS = "UPDATE portico_founder SET account_id = account_id WHERE id = 1"
_OTHER_ADMIN = "SELECT 1 FROM portico_account WHERE role = 'admin' AND id <> $1 LIMIT 1"
_UPDATE = (
    "UPDATE portico_account SET name = $2, email = $3, role = $4, profile_image_url = $5, folded = $6, "
    "updated_at = $7 WHERE id = $1"
)
_KEY = "SELECT email_key FROM portico_account WHERE id = $1"
_SET_KEY = "UPDATE portico_account SET email_key = $2, colliding = FALSE WHERE id = $1"
# Those that collide already are not held apart by the index.
_TAKEN = "SELECT 1 FROM portico_account WHERE email_key = $1 AND id <> $2 LIMIT 1"
# A group that was made while its maker's others were handed over.
_OWNS_A_GROUP = "SELECT 1 FROM portico_group WHERE account_id = $1 LIMIT 1"
_TOUCH = "UPDATE portico_account SET updated_at = $1 WHERE id = $2"


class SessionCloser(Protocol):
    """What `Accounts` needs of sessions, which are a layer above."""

    async def close_all(self, account_id: str, keep: str | None = None) -> None:
        """End every session of an account, except `keep`."""
        ...


class Accounts(AccountLookup):
    """Everybody who has an account. Raises NotFound wherever an id must exist and does not.

    `default_role`: that of an account for which none is said, asked each time.
    `by`: the account that asks for a change; None = whoever sits at the server's own keyboard. Only administrators
    decide who is one, and change or delete one; the first of them is changed by nobody else.
    """

    def __init__(
        self, sessions: SessionCloser, bus: EventBus, default_role: Callable[[], Awaitable[str]]
    ) -> None:
        self._sessions = sessions
        self._bus = bus
        self._default_role = default_role

    async def create(
        self,
        *,
        name: str,
        email: str,
        password_hash: str | None,
        role: str | None = None,
        profile_image_url: str = DEFAULT_PICTURE,
        only_if_first: bool = False,
        by: str | None = None,
    ) -> Account:
        """A new account. The very first one is an administrator's, whatever `role` says.

        `role` None = the default one. `founding`: only if it is the very first. Raises: Invalid for a taken or
        malformed e-mail address, role, name or picture; TooLarge for a picture; Forbidden if `founding` came too
        late, or for an administrator made by somebody who is none.
        """
        email, name = check_email(email), check_name(name)
        role = check_role(role or await self._default_role())
        picture = check_picture(profile_image_url)
        account_id, at = new_id(), now()
        try:
            async with transaction():
                if await fetch_all(_CLAIM_FOUNDER, account_id):
                    role = "admin"
                elif only_if_first or (role == "admin" and not await self._is_admin_now(by)):
                    raise Forbidden
                await self._check_key(email_key(email), account_id)
                text, key = folded(name, email), email_key(email)
                await execute(_INSERT, account_id, email, role, name, picture, text, key, at)
                if password_hash is not None:
                    await execute(_SET_HASH, account_id, password_hash, at)
                account = await self.by_id(account_id)
                await record_change("account.created", KIND, account_id, new=audit_view(account))
                after_commit(lambda: self._bus.publish(AccountCreated(account_id, account.role)))
        except UniqueViolation as error:
            raise InvalidRequest(EMAIL_TAKEN) from error
        return account

    async def update(
        self, account_id: str, requested: AccountChanges, by: str | None = None
    ) -> Account:
        """Change an account, all of it or nothing; a lower role or another password ends its sessions.

        Raises: Invalid for a taken or malformed e-mail address, a role, name or picture; TooLarge for a picture;
        Forbidden if `by` may not, or if nobody would be left to administer.
        """
        try:
            async with transaction():
                await execute(_LOCK_ADMINS)
                account = await self.by_id(account_id)
                changes = requested.changes(account)
                await self._check_may_set_role(account, changes.get("role", account.role), by)
                if not changes and requested.password_hash is None:
                    return account
                await self._write(account, changes)
                if requested.password_hash is not None:
                    await self._set_hash(account_id, requested.password_hash)
                demoted = is_demotion(account.role, changes.get("role", account.role))
                if demoted or requested.password_hash is not None:
                    await self._sessions.close_all(account_id)
                after_commit(lambda: self._bus.publish(AccountChanged(account_id)))
                # Read last: ending the sign-ins moved the epoch on, and who is let in next is let in with this one.
                return await self.by_id(account_id)
        except UniqueViolation as error:
            raise InvalidRequest(EMAIL_TAKEN) from error

    async def set_role(self, account_id: str, role: str) -> Account:
        """Give an account another role; a lower one ends its sessions.

        Raises: Invalid for an unknown role; Forbidden for the first administrator, or if nobody would be left to
        administer.
        """
        return await self.update(account_id, AccountChanges(role=role))

    async def set_password_hash(
        self,
        account_id: str,
        password_hash: str,
        keep: str | None = None,
        epoch: int | None = None,
    ) -> None:
        """Give an account another password, which ends its sign-ins but for `keep`.

        `epoch`: that of the account when the old password was proven; None = nobody had to. Raises: NotFound; Invalid
        if there has been another password, or an end of all sign-ins, since.
        """
        async with transaction():
            if not await execute(_TOUCH, now(), account_id):
                raise NotFound
            if epoch is not None and (await self.by_id(account_id)).epoch != epoch:
                raise InvalidRequest(INVALID_CRED)
            await self._set_hash(account_id, password_hash)
            await self._sessions.close_all(account_id, keep)
            after_commit(lambda: self._bus.publish(AccountChanged(account_id)))

    async def renew_hash(self, account_id: str, old_hash: str, new_hash: str) -> None:
        """Keep another hash of the same password, unless there is another password meanwhile."""
        await execute(_RENEW_HASH, account_id, old_hash, new_hash)

    async def delete(
        self,
        account_id: str,
        by: str | None = None,
        *,
        new_owner_id: str | None = None,
        delete_content: bool = False,
    ) -> None:
        """Delete an account with all that is its own, in every plugin, or nothing of it.

        `heir`: who is given what others still use; None = `by`, at the keyboard the first administrator.
        `delete_content`: nobody, all of it goes. Raises: Forbidden if `by` may not, for the first administrator,
        or if nobody would be left to administer; Invalid if it is to inherit from itself, or if something of it is
        kept by a plugin that is not active.
        """
        for attempt in range(1, MAX_ATTEMPTS + 1):
            try:
                await self._delete(account_id, by, new_owner_id, delete_content)
                return
            except ForeignKeyViolation as error:
                raise InvalidRequest(OWNED_DATA_MESSAGE) from error
            except Deadlock:
                if attempt == MAX_ATTEMPTS:
                    raise

    async def _delete(
        self, account_id: str, by: str | None, new_owner_id: str | None, delete_content: bool
    ) -> None:
        async with transaction():
            await execute(_LOCK_ADMINS)
            account = await self.by_id(account_id)
            if account_id in (by, await self.first_admin_id()):
                raise Forbidden(ACTION_PROHIBITED)
            await self._check_may_set_role(account, "", by)
            inherits = (
                None if delete_content else await self._new_owner(account_id, new_owner_id or by)
            )
            await self._bus.publish_in_transaction(AccountDeleting(account_id, inherits))
            # Whoever writes takes locks of a plugin first and the account last, and so does this.
            await hold_for_deletion("portico_account", account_id)
            try:
                async with transaction():
                    await self._delete_row(account_id)
            except ForeignKeyViolation:
                # Written after the listeners were at work on it; nothing more can be from here on.
                await self._bus.publish_in_transaction(AccountDeleting(account_id, inherits))
                await self._delete_row(account_id)
            await self._sessions.close_all(account_id)
            await drop_fields(KIND, account_id, AUDITED_FIELDS)
            await record_change("account.deleted", KIND, account_id, old={"role": account.role})
            after_commit(lambda: self._bus.publish(AccountDeleted(account_id)))

    async def _delete_row(self, account_id: str) -> None:
        """Raises: ForeignKeyViolation if something that has to be handed over is still there."""
        if await fetch_all(_OWNS_A_GROUP, account_id):
            raise ForeignKeyViolation("portico_group.account_id")
        key = await self._key_of(account_id)
        await execute("DELETE FROM portico_account WHERE id = $1", account_id)
        await clear_collision(key)

    async def _new_owner(self, account_id: str, wanted: str | None) -> str | None:
        if wanted == account_id:
            raise InvalidRequest("[ERROR: Nobody inherits from themselves]")
        return (await self.by_id(wanted)).id if wanted else await self.first_admin_id()

    async def _write(self, account: Account, changes: dict[str, str]) -> None:
        """Store the columns that changed, and note them."""
        values = {name: getattr(account, name) for name in CHANGEABLE} | changes
        text = folded(values["name"], values["email"])
        await execute(_UPDATE, account.id, *values.values(), text, now())
        if "email" in changes:
            key, was_key = email_key(changes["email"]), await self._key_of(account.id)
            await self._check_key(key, account.id)
            await execute(_SET_KEY, account.id, key)
            await clear_collision(was_key)
        if "role" in changes:
            await record_change("role.changed", KIND, account.id, account.role, changes["role"])
        if noted := sorted(changes.keys() - {"role"}):
            was = {name: getattr(account, name) for name in AUDITED_FIELDS if name in changes}
            became = {name: changes[name] for name in AUDITED_FIELDS if name in changes}
            await record_change(
                "account.changed", KIND, account.id, was, became | {"fields": noted}
            )

    async def _key_of(self, account_id: str) -> str | None:
        found = await fetch_one(_KEY, account_id)
        return found["email_key"] if found else None

    async def _check_key(self, key: str, account_id: str) -> None:
        """Raises: Invalid if another account has this address, however it is written."""
        if await fetch_all(_TAKEN, key, account_id):
            raise InvalidRequest(EMAIL_TAKEN)

    async def _set_hash(self, account_id: str, password_hash: str) -> None:
        await execute(_SET_HASH, account_id, password_hash, now())
        await record_change("password.changed", KIND, account_id)

    async def _is_admin_now(self, by: str | None) -> bool:
        """Whether somebody is an administrator now, whatever they were when they asked."""
        if by is None:
            return True
        asking = await self.find(by)
        return asking is not None and asking.role == "admin"

    async def check_may_change(self, account_id: str, by: str | None) -> None:
        """Raises: NotFound if there is no such account; Forbidden unless `by` may change something about it."""
        account = await self.by_id(account_id)
        if by != account_id:
            await self._check_may_set_role(account, account.role, by)

    async def _check_may_set_role(self, account: Account, role: str, by: str | None) -> None:
        """Raises: Forbidden unless `by` may make `role` of this account (empty = delete it)."""
        if account.role == "admin" or role == "admin":
            if account.id == await self.first_admin_id() and (
                by not in (None, account.id) or role != "admin"
            ):
                raise Forbidden(ACTION_PROHIBITED)
            if not await self._is_admin_now(by):
                raise Forbidden
        demoted = account.role == "admin" and role != "admin"
        if demoted and not await fetch_all(_OTHER_ADMIN, account.id):
            raise Forbidden(ACTION_PROHIBITED)
