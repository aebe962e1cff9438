"""Create, change and delete accounts. One administrator always remains; the first account is one."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from portico.audit import drop_personal_fields, record_change
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
from portico.identity.accounts.events import (
    AccountChanged,
    AccountCreated,
    AccountDeleted,
    AccountDeleting,
    AccountSigningUp,
)
from portico.identity.accounts.lookup import AccountLookup
from portico.identity.accounts.picture import DEFAULT_PICTURE, check_picture

KIND = "account"
#: An inactive plugin cannot transfer or delete its data.
OWNED_DATA_MESSAGE = "[ERROR: This account still owns data of a plugin that is not active]"

#: Attempts of a deletion that deadlocks with writers of the account's data.
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
# Concurrent sign-ups wait here for the row and then find it filled in.
_CLAIM_FIRST_ACCOUNT = (
    "UPDATE portico_first_account SET account_id = $1 WHERE id = 1 AND account_id IS NULL "
    "AND NOT EXISTS (SELECT 1 FROM portico_account) RETURNING id"
)
# Serializes two administrators who demote each other: the second sees the change of the first.
_LOCK_ADMINS = "UPDATE portico_first_account SET account_id = account_id WHERE id = 1"
_OTHER_ADMIN = "SELECT 1 FROM portico_account WHERE role = 'admin' AND id <> $1 LIMIT 1"
_UPDATE = (
    "UPDATE portico_account SET name = $2, email = $3, role = $4, profile_image_url = $5, folded = $6, "
    "updated_at = $7 WHERE id = $1"
)
_KEY = "SELECT email_key FROM portico_account WHERE id = $1"
_SET_KEY = "UPDATE portico_account SET email_key = $2, colliding = FALSE WHERE id = $1"
# The index does not cover accounts that collide already.
_TAKEN = "SELECT 1 FROM portico_account WHERE email_key = $1 AND id <> $2 LIMIT 1"
# A group that was created while the account's other groups were transferred.
_OWNS_A_GROUP = "SELECT 1 FROM portico_group WHERE account_id = $1 LIMIT 1"
_TOUCH = "UPDATE portico_account SET updated_at = $1 WHERE id = $2"


class SessionCloser(Protocol):
    """What `Accounts` needs of sessions, which are a layer above."""

    async def close_all(self, account_id: str, keep: str | None = None) -> None:
        """End every session of an account, except `keep`."""
        ...


class Accounts(AccountLookup):
    """Stores accounts. Raises NotFound wherever an id must exist and does not.

    `default_role`: returns the role of accounts that are created without one.
    `by`: the account that requests a change; None = the command line. Only administrators may grant or remove that role
    and change or delete administrators; only the first administrator may change their own account.
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
        is_sign_up: bool = False,
        by: str | None = None,
    ) -> Account:
        """Create an account. The first account of the installation is an administrator, whatever `role` is.

        `role` None = the default role. `only_if_first`: create it only if there is no account yet.
        `is_sign_up`: the user creates it, which is announced to plugins. Raises: InvalidRequest for a taken or malformed
        e-mail address, role, name or picture; TooLarge for a picture; Forbidden if `only_if_first` and there is an
        account, or if `by` is not an administrator and `role` is `admin`.
        """
        email, name = check_email(email), check_name(name)
        role = check_role(role or await self._default_role())
        picture = check_picture(profile_image_url)
        account_id, at = new_id(), now()
        try:
            async with transaction():
                if await fetch_all(_CLAIM_FIRST_ACCOUNT, account_id):
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
                if is_sign_up:
                    await self._bus.publish_in_transaction(AccountSigningUp(account_id))
                after_commit(lambda: self._bus.publish(AccountCreated(account_id, account.role)))
        except UniqueViolation as error:
            raise InvalidRequest(EMAIL_TAKEN) from error
        return account

    async def update(
        self, account_id: str, requested: AccountChanges, by: str | None = None
    ) -> Account:
        """Change an account in one transaction. A lower role or another password ends its sessions.

        Raises: InvalidRequest for a taken or malformed e-mail address, a role, name or picture; TooLarge for a picture;
        Forbidden if `by` may not, or if no administrator would remain.
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
                # Read last: closing the sessions incremented the epoch that the next session needs.
                return await self.by_id(account_id)
        except UniqueViolation as error:
            raise InvalidRequest(EMAIL_TAKEN) from error

    async def set_role(self, account_id: str, role: str) -> Account:
        """Change the role of an account. A lower role ends its sessions.

        Raises: InvalidRequest for an unknown role; Forbidden for the first administrator, or if no administrator would
        remain.
        """
        return await self.update(account_id, AccountChanges(role=role))

    async def set_password_hash(
        self,
        account_id: str,
        password_hash: str,
        keep: str | None = None,
        epoch: int | None = None,
    ) -> None:
        """Store another password hash and end the sessions of the account, except `keep`.

        `epoch`: the epoch of the account when the old password was verified; None = it was not required. Raises:
        NotFound; InvalidRequest if the password was changed or all sessions were ended since.
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
        """Replace the hash of the same password, unless the password was changed meanwhile."""
        await execute(_RENEW_HASH, account_id, old_hash, new_hash)

    async def delete(
        self,
        account_id: str,
        by: str | None = None,
        *,
        new_owner_id: str | None = None,
        delete_content: bool = False,
    ) -> None:
        """Delete an account with everything it owns, in all plugins, in one transaction.

        `new_owner_id`: the account that is given what others still use; None = `by`, on the command line the first
        administrator. `delete_content`: delete that too. Raises: Forbidden if `by` may not, for the first
        administrator, or if no administrator would remain; InvalidRequest if the new owner is the deleted account, or
        if the account owns data of a plugin that is not active.
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
            owner = (
                None if delete_content else await self._new_owner(account_id, new_owner_id or by)
            )
            await self._bus.publish_in_transaction(AccountDeleting(account_id, owner))
            # Same lock order as writers: rows of plugins first, the account last.
            await hold_for_deletion("portico_account", account_id)
            try:
                async with transaction():
                    await self._delete_row(account_id)
            except ForeignKeyViolation:
                # Rows were added after the listeners ran. From here on none can be: the account is locked.
                await self._bus.publish_in_transaction(AccountDeleting(account_id, owner))
                await self._delete_row(account_id)
            await self._sessions.close_all(account_id)
            await drop_personal_fields(KIND, account_id)
            await record_change("account.deleted", KIND, account_id, old={"role": account.role})
            after_commit(lambda: self._bus.publish(AccountDeleted(account_id)))

    async def _delete_row(self, account_id: str) -> None:
        """Delete the row. Raises: ForeignKeyViolation if something still has to be transferred."""
        if await fetch_all(_OWNS_A_GROUP, account_id):
            raise ForeignKeyViolation("portico_group.account_id")
        key = await self._key_of(account_id)
        await execute("DELETE FROM portico_account WHERE id = $1", account_id)
        await clear_collision(key)

    async def _new_owner(self, account_id: str, wanted: str | None) -> str | None:
        if wanted == account_id:
            raise InvalidRequest("[ERROR: An account cannot be its own new owner]")
        return (await self.by_id(wanted)).id if wanted else await self.first_admin_id()

    async def _write(self, account: Account, changes: dict[str, str]) -> None:
        """Store the changed columns and record them in the audit log."""
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
        if changed := sorted(changes.keys() - {"role"}):
            old = {name: getattr(account, name) for name in AUDITED_FIELDS if name in changes}
            new = {name: changes[name] for name in AUDITED_FIELDS if name in changes}
            await record_change("account.changed", KIND, account.id, old, new | {"fields": changed})

    async def _key_of(self, account_id: str) -> str | None:
        row = await fetch_one(_KEY, account_id)
        return row["email_key"] if row else None

    async def _check_key(self, key: str, account_id: str) -> None:
        """Raises: InvalidRequest if another account has this address in any spelling."""
        if await fetch_all(_TAKEN, key, account_id):
            raise InvalidRequest(EMAIL_TAKEN)

    async def _set_hash(self, account_id: str, password_hash: str) -> None:
        await execute(_SET_HASH, account_id, password_hash, now())
        await record_change("password.changed", KIND, account_id)

    async def _is_admin_now(self, by: str | None) -> bool:
        """Return whether an account is an administrator now, whatever it was when the request began."""
        if by is None:
            return True
        account = await self.find(by)
        return account is not None and account.role == "admin"

    async def check_may_change(self, account_id: str, by: str | None) -> None:
        """Raises: NotFound if there is no such account; Forbidden unless `by` may change it."""
        account = await self.by_id(account_id)
        if by != account_id:
            await self._check_may_set_role(account, account.role, by)

    async def _check_may_set_role(self, account: Account, role: str, by: str | None) -> None:
        """Raises: Forbidden unless `by` may give this account `role` (empty = delete it)."""
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
