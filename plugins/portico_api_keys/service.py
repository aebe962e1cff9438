"""Creating, listing, changing and revoking API keys."""

from typing import Any

import structlog

from portico.api import AppContext, Forbidden, InvalidRequest, NotFound
from portico.api.audit import record_change
from portico.api.auth import Actor, ApiKeyRevoked
from portico.api.db import (
    DecryptionError,
    ForeignKeyViolation,
    after_commit,
    new_id,
    now,
    transaction,
)
from portico.api.messages import API_KEY_CREATION_NOT_ALLOWED, API_KEY_NOT_FOUND
from portico.api.policy import Resource
from portico_api_keys import store
from portico_api_keys.api_key import SHOWN_CHARS, ApiKey, digest_of, new_key
from portico_api_keys.restrictions import checked_endpoints, checked_scopes
from portico_api_keys.schemas import KeyChanges, KeyForm, KeyPage, KeyWithOwner, NewKey
from portico_api_keys.settings import ApiKeysSettings
from portico_api_keys.tables import ENCRYPTION_CONTEXT
from portico_api_keys.usage import ApiKeyUsage

KIND = "api_key"
PERMISSION = "features.api_keys"
#: The name of the key that clients show.
CLIENT_KEY_NAME = "API key"
DAY_SECONDS = 86_400

log = structlog.get_logger("portico.api_keys")


class KeyService:
    """The API keys of all users. Unknown keys, and keys the caller may not read, raise NotFound."""

    def __init__(self, app: AppContext, usage: ApiKeyUsage) -> None:
        self._app, self._usage = app, usage
        self._settings = app.runtime_settings.section(ApiKeysSettings)

    # -- creating ---------------------------------------------------------------------------------------------

    async def create(self, actor: Actor, form: KeyForm) -> NewKey:
        """Create a key for the caller. Only the result contains the key itself.

        Raises: Forbidden if keys are switched off, or the caller lacks the permission for them; InvalidRequest, naming
        the invalid field, or if the caller has the largest number of keys.
        """
        await self._require_creation(actor)
        return await self.create_for(actor.id, form)

    async def create_for(
        self, account_id: str, form: KeyForm, *, for_clients: bool = False
    ) -> NewKey:
        """Create a key without permission checks. `for_clients`: as the one that clients show, in place of the previous one."""
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
            expires_at=_expiry(form.expires_at, settings.max_lifetime_days),
            last_used_at=None,
        )
        secret = new_key()
        created = NewKey(**_columns(key) | {"prefix": secret[:SHOWN_CHARS], "api_key": secret})
        encrypted = (
            self._app.encryptor.encrypt(secret, ENCRYPTION_CONTEXT.format(id=key.id))
            if for_clients
            else None
        )
        try:
            async with transaction():
                count = await store.lock_owner(account_id)
                if for_clients and await self._revoke_client_key(account_id):
                    count -= 1
                if count >= settings.max_keys:
                    raise InvalidRequest(
                        f"[ERROR: A user has at most {settings.max_keys} keys; revoke one first]"
                    )
                await store.insert(created, digest_of(secret), encrypted)
                await record_change("api_key.created", KIND, key.id, new=_audit_view(created))
        except ForeignKeyViolation as error:
            raise NotFound from error  # the account was deleted at the same time
        return created

    async def _require_creation(self, actor: Actor) -> None:
        settings = await self._settings.current()
        permitted = settings.enable_api_keys and await self._app.identity.is_permitted(
            actor, PERMISSION
        )
        if not permitted:
            raise Forbidden(API_KEY_CREATION_NOT_ALLOWED)

    # -- the key that clients show --------------------------------------------------------------------------

    async def renew_client_key(self, actor: Actor) -> str:
        """Create the key that clients show, and revoke the previous one. Raises: as `create`."""
        await self._require_creation(actor)
        form = KeyForm(name=CLIENT_KEY_NAME)
        return (await self.create_for(actor.id, form, for_clients=True)).api_key

    async def client_key(self, account_id: str) -> str:
        """Return the key that clients show. Raises: NotFound if there is none, or it cannot be decrypted."""
        found = await store.find_client_key(account_id)
        if found is None:
            raise NotFound(API_KEY_NOT_FOUND)
        try:
            return self._app.encryptor.decrypt(
                found["encrypted_key"], ENCRYPTION_CONTEXT.format(id=found["id"])
            )
        except DecryptionError as error:
            log.warning("api key could not be decrypted", key=found["id"], reason=str(error))
            raise NotFound(API_KEY_NOT_FOUND) from error

    async def delete_client_key(self, account_id: str) -> None:
        """Revoke the key that clients show, if there is one."""
        async with transaction():
            await self._revoke_client_key(account_id)

    async def _revoke_client_key(self, account_id: str) -> bool:
        found = await store.find_client_key(account_id)
        key = await store.find(found["id"]) if found else None
        return key is not None and await self._revoke(key)

    # -- all keys ----------------------------------------------------------------------------------------

    async def list_own(self, account_id: str) -> list[ApiKey]:
        """Return the keys of an account, newest first."""
        return [self._with_use(key) for key in await store.list_of_owner(account_id)]

    async def owner_of(self, key_id: str) -> str | None:
        """Return the id of the account whose key this is; None if there is no such key."""
        key = None if "\x00" in key_id else await store.find(key_id)
        return key.account_id if key else None

    async def ids_of(self, account_id: str) -> list[str]:
        """Return the ids of the keys of an account."""
        return [key.id for key in await store.list_of_owner(account_id)]

    async def list_all(self, account_id: str = "", page: int = 1) -> KeyPage:
        """Return one page of the keys of all accounts, or of one."""
        found, total = await store.page(account_id, page)
        keys = [KeyWithOwner(**_columns(self._with_use(key)), owner=owner) for key, owner in found]
        return KeyPage(keys, total)

    async def change(self, actor: Actor, key_id: str, changes: KeyChanges) -> ApiKey:
        """Rename, disable or enable a key of the caller. Raises: NotFound."""
        async with transaction():
            await store.lock_owner(actor.id)
            key = await store.find(key_id)
            if key is None or key.account_id != actor.id:
                raise NotFound
            enabled = key.enabled if changes.enabled is None else changes.enabled
            changed = ApiKey(
                **_columns(key) | {"name": changes.name or key.name, "enabled": enabled}
            )
            if changed == key:
                return self._with_use(key)
            await store.update(changed)
            await record_change(
                "api_key.changed", KIND, key.id, _audit_view(key), _audit_view(changed)
            )
            self._publish_revoked(key)
        return self._with_use(changed)

    async def delete(self, actor: Actor, key_id: str) -> None:
        """Revoke a key that the caller owns or that the policies allow. Raises: NotFound, Forbidden."""
        async with transaction():
            key = await store.find(key_id)
            if key is None:
                raise NotFound
            resource = Resource(KIND, key.id, owner_id=key.account_id)
            await self._app.permissions.require(actor, "delete", resource)
            await self._revoke(key)

    async def revoke(self, keys: list[ApiKey]) -> None:
        """Revoke keys without permission checks, all or none."""
        async with transaction():
            for key in keys:
                await self._revoke(key)

    async def _revoke(self, key: ApiKey) -> bool:
        if not await store.delete(key.id):
            return False
        await record_change("api_key.revoked", KIND, key.id, old=_audit_view(key))
        self._publish_revoked(key)
        return True

    def _publish_revoked(self, key: ApiKey) -> None:
        event = ApiKeyRevoked(key.account_id, key.id)
        after_commit(lambda: self._app.events.publish(event))

    def _with_use(self, key: ApiKey) -> ApiKey:
        last_used_at = self._usage.last_used(key.id, key.last_used_at)
        return ApiKey(**_columns(key) | {"last_used_at": last_used_at})


def _expiry(wanted: int | None, max_days: int) -> int | None:
    """Return when a new key expires. Raises: InvalidRequest for a time in the past, or later than the operator allows."""
    latest = now() + max_days * DAY_SECONDS if max_days else None
    if wanted is None:
        return latest
    if wanted <= now():
        raise InvalidRequest("[ERROR: expires_at: this time is in the past]")
    if latest is not None and wanted > latest:
        raise InvalidRequest(f"[ERROR: expires_at: at most {max_days} days from now]")
    return wanted


def _columns(key: ApiKey) -> dict[str, Any]:
    return {name: getattr(key, name) for name in ApiKey.__struct_fields__}


def _audit_view(key: ApiKey) -> dict[str, Any]:
    """Return the fields of a key that the audit log contains."""
    names = ("account_id", "name", "prefix", "endpoints", "scopes", "enabled", "expires_at")
    return {name: getattr(key, name) for name in names}
