"""Who stands behind a key, and what it is good for: asked with every request that carries one."""

from typing import Any

import msgspec

from portico.api import (
    API_KEY_NOT_ALLOWED,
    Actor,
    AppContext,
    CredentialScope,
    Forbidden,
    TTLCache,
    now,
)
from portico_api_keys import store
from portico_api_keys.api_key import PREFIX, digest_of, is_key
from portico_api_keys.restrictions import Paths, allowed_paths, intersect
from portico_api_keys.service import PERMISSION
from portico_api_keys.settings import ApiKeysSettings
from portico_api_keys.usage import KeyUsage


class CachedKey(msgspec.Struct, frozen=True):
    """A key that is good, or was a moment ago."""

    actor: Actor
    expires_at: int | None
    endpoints: Paths | None
    scopes: frozenset[str] | None

    def bounds(self, allowed: Paths | None) -> CredentialScope | None:
        """What it is good for where no key may do more than `allowed` says."""
        endpoints = intersect(self.endpoints, allowed)
        if endpoints is None and self.scopes is None:
            return None
        return CredentialScope(endpoints, self.scopes)


class KeyCache(TTLCache[str, CachedKey]):
    """Keys by their digests: trusted for as long as a session is, and forgotten with what changes one."""


class ApiKeyAuthenticator:
    """Reads keys."""

    kind = "key"
    prefix = PREFIX

    def __init__(self, app: AppContext, settings: ApiKeysSettings) -> None:
        self._app = app
        self._settings = app.runtime_settings.of(settings)

    async def authenticate(self, token: str) -> Actor | None:
        """Who this key stands for; None if it is not good. One statement a moment.

        Raises: Forbidden where keys are off, or not for its owner any more.
        """
        settings = await self._settings.current()
        if not settings.enable_api_keys:
            raise Forbidden(API_KEY_NOT_ALLOWED)
        if not is_key(token):
            return None
        known = await self._app.services.require(KeyCache).get_or_load(digest_of(token), _find)
        if known is None or (known.expires_at is not None and known.expires_at <= now()):
            return None
        if not await self._may_use(known.actor):
            raise Forbidden(API_KEY_NOT_ALLOWED)
        self._app.services.require(KeyUsage).touch(known.actor.session_id)
        restricted = settings.enable_restrictions
        bounds = known.bounds(allowed_paths(settings.allowed_endpoints) if restricted else None)
        return known.actor if bounds is None else msgspec.structs.replace(known.actor, scope=bounds)

    async def still_valid(self, session_ids: list[str]) -> set[str]:
        """Those of these keys that are good for anything still."""
        if not (await self._settings.current()).enable_api_keys:
            return set()
        return {
            one["key_id"]
            for one in await store.valid(session_ids, now())
            if await self._may_use(_known(dict(one)).actor)
        }

    async def _may_use(self, owner: Actor) -> bool:
        """Whether keys are for somebody. A pending account has none that is good."""
        return owner.is_verified and await self._app.identity.is_permitted(owner, PERMISSION)


async def _find(digest: str) -> CachedKey | None:
    found = await store.resolve(digest)
    return _known(found) if found else None


def _known(found: dict[str, Any]) -> CachedKey:
    key_id, expires_at = found.pop("key_id"), found.pop("expires_at")
    endpoints, scopes = (
        store.parse_words(found.pop("endpoints")),
        store.parse_words(found.pop("scopes")),
    )
    return CachedKey(
        Actor(**found, session_id=key_id, credential=ApiKeyAuthenticator.kind),
        expires_at,
        None if endpoints is None else tuple(endpoints),
        None if scopes is None else frozenset(scopes),
    )
