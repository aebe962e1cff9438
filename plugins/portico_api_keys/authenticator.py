"""Authentication with API keys. Runs for every request that carries one."""

from typing import Any, TypeAlias

import msgspec

from portico.api import AppContext, Forbidden, TTLCache
from portico.api.auth import Actor, CredentialScope
from portico.api.db import now
from portico.api.messages import API_KEY_NOT_ALLOWED
from portico_api_keys import store
from portico_api_keys.api_key import PREFIX, digest_of, is_key
from portico_api_keys.restrictions import Paths, allowed_paths, intersect
from portico_api_keys.service import PERMISSION
from portico_api_keys.settings import ApiKeysSettings
from portico_api_keys.usage import ApiKeyUsage


class CachedKey(msgspec.Struct, frozen=True):
    """An enabled key as it was read from the database, with the actor it stands for."""

    actor: Actor
    expires_at: int | None
    endpoints: Paths | None
    scopes: frozenset[str] | None

    def scope(self, allowed: Paths | None) -> CredentialScope | None:
        """Return the restrictions of the key, within the paths `allowed` for all keys; None = unrestricted."""
        endpoints = intersect(self.endpoints, allowed)
        if endpoints is None and self.scopes is None:
            return None
        return CredentialScope(endpoints, self.scopes)


#: Keys by digest, for as long as sessions are cached. Cleared when a key or an account changes.
KeyCache: TypeAlias = TTLCache[str, CachedKey]


class ApiKeyAuthenticator:
    """Turns API keys into actors. A `TokenAuthenticator`."""

    kind = "key"
    prefix = PREFIX

    def __init__(self, app: AppContext, cache: KeyCache, usage: ApiKeyUsage) -> None:
        self._identity = app.identity
        self._settings = app.runtime_settings.section(ApiKeysSettings)
        self._cache, self._usage = cache, usage

    async def authenticate(self, token: str) -> Actor | None:
        """Return the actor of this key; None if it is unknown, disabled or expired.

        Raises: Forbidden if keys are switched off, or its owner lacks the permission for them.
        """
        settings = await self._settings.current()
        if not settings.enable_api_keys:
            raise Forbidden(API_KEY_NOT_ALLOWED)
        if not is_key(token):
            return None
        cached = await self._cache.get_or_load(digest_of(token), _find)
        if cached is None or (cached.expires_at is not None and cached.expires_at <= now()):
            return None
        if not await self._may_use(cached.actor):
            raise Forbidden(API_KEY_NOT_ALLOWED)
        self._usage.touch(cached.actor.session_id)
        restricted = settings.restrict_endpoints
        scope = cached.scope(allowed_paths(settings.allowed_endpoints) if restricted else None)
        if scope is None:
            return cached.actor
        return msgspec.structs.replace(cached.actor, scope=scope)

    async def still_valid(self, session_ids: list[str]) -> set[str]:
        """Return those of these key ids whose keys are still accepted."""
        if not (await self._settings.current()).enable_api_keys:
            return set()
        return {
            row["key_id"]
            for row in await store.valid(session_ids, now())
            if await self._may_use(_cached_key(dict(row)).actor)
        }

    async def obstacles(self, token: str) -> list[str]:
        """Return why no request with this key is accepted, each as a sentence that says what to change; empty = some are."""
        settings = await self._settings.current()
        found: list[str] = []
        if not settings.enable_api_keys:
            found.append(
                "API keys are switched off: set ENABLE_API_KEYS=true, or switch them on in the settings of the web client."
            )
        key = await _find(digest_of(token))
        if key is None:
            return found
        if not key.actor.is_verified:
            found.append(
                f"{key.actor.email} is pending: activate the account with `portico user set-role {key.actor.email} user`."
            )
        elif not await self._may_use(key.actor):
            found.append(
                f"{key.actor.email} lacks the permission {PERMISSION}: grant it to a group of the user, or to all users with "
                "USER_PERMISSIONS_FEATURES_API_KEYS=true."
            )
        if settings.restrict_endpoints:
            allowed = allowed_paths(settings.allowed_endpoints)
            if intersect(key.endpoints, allowed) == ():
                found.append(
                    "Keys are accepted only for the paths in API_KEYS_ALLOWED_ENDPOINTS, and none of them fits this key: add "
                    "the paths that it is for."
                )
        return found

    async def _may_use(self, owner: Actor) -> bool:
        """Return whether keys of this account are accepted. Those of a pending account are not."""
        return owner.is_verified and await self._identity.is_permitted(owner, PERMISSION)


async def _find(digest: str) -> CachedKey | None:
    row = await store.find_with_owner(digest)
    return _cached_key(row) if row else None


def _cached_key(row: dict[str, Any]) -> CachedKey:
    key_id, expires_at = row.pop("key_id"), row.pop("expires_at")
    endpoints = store.parse_list(row.pop("endpoints"))
    scopes = store.parse_list(row.pop("scopes"))
    return CachedKey(
        Actor(**row, session_id=key_id, credential=ApiKeyAuthenticator.kind),
        expires_at,
        None if endpoints is None else tuple(endpoints),
        None if scopes is None else frozenset(scopes),
    )
