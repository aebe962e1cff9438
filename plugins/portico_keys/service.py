"""Making, showing, changing and revoking keys. No HTTP, and no SQL."""

from typing import Any

import structlog

from portico.api import (
    API_KEY_CREATION_NOT_ALLOWED,
    API_KEY_NOT_FOUND,
    Account,
    Actor,
    Forbidden,
    ForeignKeyViolation,
    House,
    Invalid,
    KeyRevoked,
    NotFound,
    Resource,
    Unreadable,
    after_commit,
    new_id,
    now,
    record,
    transaction,
)
from portico_keys import store
from portico_keys.key import SHOWN, Key, digest_of, new_key
from portico_keys.limits import checked_endpoints, checked_scopes
from portico_keys.schemas import KeyChanges, KeyForm, KeyPage, NewKey, SomebodysKey
from portico_keys.settings import Settings
from portico_keys.tables import ABOUT
from portico_keys.uses import Uses

KIND = "key"
PERMISSION = "features.api_keys"
#: What the key is called that clients show.
SINGLE = "API key"
DAY = 86_400
#: No database counts further than it has to.
LAST_PAGE = 1_000_000

log = structlog.get_logger("portico.keys")


class Keys:
    """The keys of one house. A key that is not there, and one that the caller may not see, is NotFound."""

    def __init__(self, house: House, settings: Settings) -> None:
        self._house = house
        self._settings = house.adjustments.of(settings)

    # -- making ---------------------------------------------------------------------------------------------

    async def make(self, actor: Actor, form: KeyForm) -> NewKey:
        """A new key of the caller's, which is told this once.

        Raises: Forbidden where keys are off or not for the caller; Invalid, naming what will not do, or if it is
        one too many.
        """
        await self._require_making(actor)
        return await self.make_for(actor.id, form)

    async def make_for(self, account_id: str, form: KeyForm, *, shown: bool = False) -> NewKey:
        """As `make`, whoever asks. `shown`: it takes the place of the one that clients show."""
        settings = await self._settings.now()
        key = Key(
            id=new_id(),
            account_id=account_id,
            name=form.name,
            prefix="",
            endpoints=checked_endpoints(form.endpoints),
            scopes=checked_scopes(form.scopes, self._house.areas()),
            enabled=True,
            created_at=now(),
            expires_at=_expiry(form.expires_at, settings.longest_days),
            last_used_at=None,
        )
        text = new_key()
        made = NewKey(**_told(key) | {"prefix": text[:SHOWN], "api_key": text})
        locked = self._house.vault.lock(text, ABOUT.format(id=key.id)) if shown else None
        try:
            async with transaction():
                held = await store.take(account_id)
                if shown and await self._drop_shown(account_id):
                    held -= 1
                if held >= settings.most:
                    raise Invalid(f"[ERROR: Nobody has more than {settings.most} keys]")
                await store.insert(made, digest_of(text), locked)
                await record("key.created", KIND, key.id, became=_noted(made))
        except ForeignKeyViolation as error:
            raise NotFound from error  # the account was deleted meanwhile
        return made

    async def _require_making(self, actor: Actor) -> None:
        settings = await self._settings.now()
        permitted = settings.enable_api_keys and await self._house.identity.is_permitted(
            actor, PERMISSION
        )
        if not permitted:
            raise Forbidden(API_KEY_CREATION_NOT_ALLOWED)

    # -- the one that clients show --------------------------------------------------------------------------

    async def renew_shown(self, actor: Actor) -> str:
        """Make the key that clients show anew; the one before is good no more. Raises: as `make`."""
        await self._require_making(actor)
        return (await self.make_for(actor.id, KeyForm(name=SINGLE), shown=True)).api_key

    async def show(self, account_id: str) -> str:
        """The key that clients show. Raises: NotFound if there is none, or its copy cannot be read."""
        found = await store.shown(account_id)
        if found is None:
            raise NotFound(API_KEY_NOT_FOUND)
        try:
            return self._house.vault.unlock(found["locked"], ABOUT.format(id=found["id"]))
        except Unreadable as error:
            log.warning("the copy of a key cannot be read", key=found["id"], reason=str(error))
            raise NotFound(API_KEY_NOT_FOUND) from error

    async def drop_shown(self, account_id: str) -> None:
        """Revoke it; that there is none is no fault."""
        async with transaction():
            await self._drop_shown(account_id)

    async def _drop_shown(self, account_id: str) -> bool:
        found = await store.shown(account_id)
        key = await store.find(found["id"]) if found else None
        return key is not None and await self._revoke(key)

    # -- all of them ----------------------------------------------------------------------------------------

    async def own(self, account_id: str) -> list[Key]:
        """Somebody's keys, newest first."""
        return [self._with_use(key) for key in await store.own(account_id)]

    async def anybodys(self, account_id: str = "", page: int = 1) -> KeyPage:
        """One page of everybody's keys, or of somebody's."""
        found, total = await store.anybodys(account_id, min(max(page, 1), LAST_PAGE))
        keys = [SomebodysKey(**_told(self._with_use(key)), owner=owner) for key, owner in found]
        return KeyPage(keys, total)

    async def change(self, actor: Actor, key_id: str, changes: KeyChanges) -> Key:
        """Rename a key of one's own, switch it off or on again."""
        async with transaction():
            await store.take(actor.id)
            key = await store.find(key_id)
            if key is None or key.account_id != actor.id:
                raise NotFound
            enabled = key.enabled if changes.enabled is None else changes.enabled
            changed = Key(**_told(key) | {"name": changes.name or key.name, "enabled": enabled})
            if changed == key:
                return self._with_use(key)
            await store.update(changed)
            await record("key.changed", KIND, key.id, _noted(key), _noted(changed))
            self._tell(key)
        return self._with_use(changed)

    async def delete(self, actor: Actor, key_id: str) -> None:
        """Revoke one's own key, or anybody's if the policies say so. Raises: NotFound, Forbidden."""
        async with transaction():
            key = await store.find(key_id)
            if key is None:
                raise NotFound
            resource = Resource(KIND, key.id, owner_id=key.account_id)
            await self._house.permissions.require(actor, "delete", resource)
            await self._revoke(key)

    async def revoke(self, keys: list[Key]) -> None:
        """Revoke these, whoever asks; all or none."""
        async with transaction():
            for key in keys:
                await self._revoke(key)

    async def _revoke(self, key: Key) -> bool:
        if not await store.delete(key.id):
            return False
        await record("key.revoked", KIND, key.id, was=_noted(key))
        self._tell(key)
        return True

    def _tell(self, key: Key) -> None:
        event = KeyRevoked(key.account_id, key.id)
        after_commit(lambda: self._house.events.publish(event))

    def _with_use(self, key: Key) -> Key:
        return Key(
            **_told(key)
            | {"last_used_at": self._house.services.need(Uses).last(key.id, key.last_used_at)}
        )


async def owner_of(house: House, email: str) -> Account:
    """Whom somebody at the keyboard means. Raises: NotFound."""
    account = await house.identity.directory.by_email(email)
    if account is None:
        raise NotFound(
            f"Nobody has the e-mail address {email}; `portico user list` shows who there is."
        )
    return account


def _expiry(wanted: int | None, longest_days: int) -> int | None:
    """Until when a new key is good. Raises: Invalid if that is over already, or later than the operator allows."""
    latest = now() + longest_days * DAY if longest_days else None
    if wanted is None:
        return latest
    if wanted <= now():
        raise Invalid("[ERROR: expires_at: that is over already]")
    if latest is not None and wanted > latest:
        raise Invalid(f"[ERROR: expires_at: at most {longest_days} days from now]")
    return wanted


def _told(key: Key) -> dict[str, Any]:
    return {name: getattr(key, name) for name in Key.__struct_fields__}


def _noted(key: Key) -> dict[str, Any]:
    """A key in the audit trail."""
    names = ("account_id", "name", "prefix", "endpoints", "scopes", "enabled", "expires_at")
    return {name: getattr(key, name) for name in names}
