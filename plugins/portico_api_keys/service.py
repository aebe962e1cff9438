"""Making, showing, changing and revoking keys. No HTTP, and no SQL."""

from typing import Any

import structlog

from portico.api import (
    API_KEY_CREATION_NOT_ALLOWED,
    API_KEY_NOT_FOUND,
    Account,
    Actor,
    ApiKeyRevoked,
    AppContext,
    DecryptionError,
    Forbidden,
    ForeignKeyViolation,
    InvalidRequest,
    NotFound,
    Resource,
    after_commit,
    new_id,
    now,
    record_change,
    transaction,
)
from portico_api_keys import store
from portico_api_keys.api_key import SHOWN, ApiKey, digest_of, new_key
from portico_api_keys.restrictions import checked_endpoints, checked_scopes
from portico_api_keys.schemas import KeyChanges, KeyForm, KeyPage, KeyWithOwner, NewKey
from portico_api_keys.settings import ApiKeysSettings
from portico_api_keys.tables import ABOUT
from portico_api_keys.usage import KeyUsage

KIND = "key"
PERMISSION = "features.api_keys"
#: What the key is called that clients show.
CLIENT_KEY_NAME = "API key"
DAY = 86_400
#: No database counts further than it has to.
LAST_PAGE = 1_000_000

log = structlog.get_logger("portico.api_keys")


class Keys:
    """The keys of one house. A key that is not there, and one that the caller may not see, is NotFound."""

    def __init__(self, app: AppContext, settings: ApiKeysSettings) -> None:
        self._app = app
        self._settings = app.runtime_settings.of(settings)

    # -- making ---------------------------------------------------------------------------------------------

    async def create(self, actor: Actor, form: KeyForm) -> NewKey:
        """A new key of the caller's, which is told this once.

        Raises: Forbidden where keys are off or not for the caller; Invalid, naming what will not do, or if it is
        one too many.
        """
        await self._require_making(actor)
        return await self.create_for(actor.id, form)

    async def create_for(self, account_id: str, form: KeyForm, *, shown: bool = False) -> NewKey:
        """As `make`, whoever asks. `shown`: it takes the place of the one that clients show."""
        settings = await self._settings.current()
        key = ApiKey(
            id=new_id(),
            account_id=account_id,
            name=form.name,
            prefix="",
            endpoints=checked_endpoints(form.endpoints),
            scopes=checked_scopes(form.scopes, self._app.route_areas()),
            enabled=True,
            created_at=now(),
            expires_at=_expiry(form.expires_at, settings.longest_days),
            last_used_at=None,
        )
        text = new_key()
        made = NewKey(**_told(key) | {"prefix": text[:SHOWN], "api_key": text})
        locked = self._app.encryptor.encrypt(text, ABOUT.format(id=key.id)) if shown else None
        try:
            async with transaction():
                held = await store.lock_owner(account_id)
                if shown and await self._drop_shown(account_id):
                    held -= 1
                if held >= settings.most:
                    raise InvalidRequest(f"[ERROR: Nobody has more than {settings.most} keys]")
                await store.insert(made, digest_of(text), locked)
                await record_change("key.created", KIND, key.id, new=_noted(made))
        except ForeignKeyViolation as error:
            raise NotFound from error  # the account was deleted meanwhile
        return made

    async def _require_making(self, actor: Actor) -> None:
        settings = await self._settings.current()
        permitted = settings.enable_api_keys and await self._app.identity.is_permitted(
            actor, PERMISSION
        )
        if not permitted:
            raise Forbidden(API_KEY_CREATION_NOT_ALLOWED)

    # -- the one that clients show --------------------------------------------------------------------------

    async def renew_client_key(self, actor: Actor) -> str:
        """Make the key that clients show anew; the one before is good no more. Raises: as `make`."""
        await self._require_making(actor)
        return (await self.create_for(actor.id, KeyForm(name=CLIENT_KEY_NAME), shown=True)).api_key

    async def client_key(self, account_id: str) -> str:
        """The key that clients show. Raises: NotFound if there is none, or its copy cannot be read."""
        found = await store.shown(account_id)
        if found is None:
            raise NotFound(API_KEY_NOT_FOUND)
        try:
            return self._app.encryptor.decrypt(found["encrypted_key"], ABOUT.format(id=found["id"]))
        except DecryptionError as error:
            log.warning("the copy of a key cannot be read", key=found["id"], reason=str(error))
            raise NotFound(API_KEY_NOT_FOUND) from error

    async def delete_client_key(self, account_id: str) -> None:
        """Revoke it; that there is none is no fault."""
        async with transaction():
            await self._drop_shown(account_id)

    async def _drop_shown(self, account_id: str) -> bool:
        found = await store.shown(account_id)
        key = await store.find(found["id"]) if found else None
        return key is not None and await self._revoke(key)

    # -- all of them ----------------------------------------------------------------------------------------

    async def list_own(self, account_id: str) -> list[ApiKey]:
        """Somebody's keys, newest first."""
        return [self._with_use(key) for key in await store.list_own(account_id)]

    async def list_all(self, account_id: str = "", page: int = 1) -> KeyPage:
        """One page of everybody's keys, or of somebody's."""
        found, total = await store.page(account_id, min(max(page, 1), LAST_PAGE))
        keys = [KeyWithOwner(**_told(self._with_use(key)), owner=owner) for key, owner in found]
        return KeyPage(keys, total)

    async def change(self, actor: Actor, key_id: str, changes: KeyChanges) -> ApiKey:
        """Rename a key of one's own, switch it off or on again."""
        async with transaction():
            await store.lock_owner(actor.id)
            key = await store.find(key_id)
            if key is None or key.account_id != actor.id:
                raise NotFound
            enabled = key.enabled if changes.enabled is None else changes.enabled
            changed = ApiKey(**_told(key) | {"name": changes.name or key.name, "enabled": enabled})
            if changed == key:
                return self._with_use(key)
            await store.update(changed)
            await record_change("key.changed", KIND, key.id, _noted(key), _noted(changed))
            self._tell(key)
        return self._with_use(changed)

    async def delete(self, actor: Actor, key_id: str) -> None:
        """Revoke one's own key, or anybody's if the policies say so. Raises: NotFound, Forbidden."""
        async with transaction():
            key = await store.find(key_id)
            if key is None:
                raise NotFound
            resource = Resource(KIND, key.id, owner_id=key.account_id)
            await self._app.permissions.require(actor, "delete", resource)
            await self._revoke(key)

    async def revoke(self, keys: list[ApiKey]) -> None:
        """Revoke these, whoever asks; all or none."""
        async with transaction():
            for key in keys:
                await self._revoke(key)

    async def _revoke(self, key: ApiKey) -> bool:
        if not await store.delete(key.id):
            return False
        await record_change("key.revoked", KIND, key.id, old=_noted(key))
        self._tell(key)
        return True

    def _tell(self, key: ApiKey) -> None:
        event = ApiKeyRevoked(key.account_id, key.id)
        after_commit(lambda: self._app.events.publish(event))

    def _with_use(self, key: ApiKey) -> ApiKey:
        return ApiKey(
            **_told(key)
            | {"last_used_at": self._app.services.require(KeyUsage).last(key.id, key.last_used_at)}
        )


async def owner_of(app: AppContext, email: str) -> Account:
    """Whom somebody at the keyboard means. Raises: NotFound."""
    account = await app.identity.accounts.by_email(email)
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
        raise InvalidRequest("[ERROR: expires_at: that is over already]")
    if latest is not None and wanted > latest:
        raise InvalidRequest(f"[ERROR: expires_at: at most {longest_days} days from now]")
    return wanted


def _told(key: ApiKey) -> dict[str, Any]:
    return {name: getattr(key, name) for name in ApiKey.__struct_fields__}


def _noted(key: ApiKey) -> dict[str, Any]:
    """A key in the audit trail."""
    names = ("account_id", "name", "prefix", "endpoints", "scopes", "enabled", "expires_at")
    return {name: getattr(key, name) for name in names}
