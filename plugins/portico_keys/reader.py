"""Who stands behind a key, and what it is good for: asked with every request that carries one."""

from typing import Any

import msgspec

from portico.api import (
    API_KEY_NOT_ALLOWED,
    Actor,
    Bounds,
    Brief,
    Forbidden,
    House,
    now,
)
from portico_keys import store
from portico_keys.key import PREFIX, digest_of, is_key
from portico_keys.limits import Paths, allowed_paths, meet
from portico_keys.service import PERMISSION
from portico_keys.settings import Settings
from portico_keys.uses import Uses


class Known(msgspec.Struct, frozen=True):
    """A key that is good, or was a moment ago."""

    actor: Actor
    expires_at: int | None
    endpoints: Paths | None
    scopes: frozenset[str] | None

    def bounds(self, allowed: Paths | None) -> Bounds | None:
        """What it is good for where no key may do more than `allowed` says."""
        endpoints = meet(self.endpoints, allowed)
        if endpoints is None and self.scopes is None:
            return None
        return Bounds(endpoints, self.scopes)


class Keyring(Brief[str, Known]):
    """Keys by their digests: trusted for as long as a session is, and forgotten with what changes one."""


class KeyReader:
    """Reads keys."""

    kind = "key"
    prefix = PREFIX

    def __init__(self, house: House, settings: Settings) -> None:
        self._house = house
        self._settings = house.adjustments.of(settings)

    async def resolve(self, token: str) -> Actor | None:
        """Who this key stands for; None if it is not good. One statement a moment.

        Raises: Forbidden where keys are off, or not for its owner any more.
        """
        settings = await self._settings.now()
        if not settings.enable_api_keys:
            raise Forbidden(API_KEY_NOT_ALLOWED)
        if not is_key(token):
            return None
        known = await self._house.services.need(Keyring).get(digest_of(token), _find)
        if known is None or (known.expires_at is not None and known.expires_at <= now()):
            return None
        if not await self._may_use(known.actor):
            raise Forbidden(API_KEY_NOT_ALLOWED)
        self._house.services.need(Uses).seen(known.actor.session_id)
        restricted = settings.enable_restrictions
        bounds = known.bounds(allowed_paths(settings.allowed_endpoints) if restricted else None)
        return (
            known.actor if bounds is None else msgspec.structs.replace(known.actor, bounds=bounds)
        )

    async def still(self, session_ids: list[str]) -> set[str]:
        """Those of these keys that are good for anything still."""
        if not (await self._settings.now()).enable_api_keys:
            return set()
        return {
            one["key_id"]
            for one in await store.good(session_ids, now())
            if await self._may_use(_known(dict(one)).actor)
        }

    async def _may_use(self, owner: Actor) -> bool:
        """Whether keys are for somebody. A pending account has none that is good."""
        return owner.is_verified and await self._house.identity.is_permitted(owner, PERMISSION)


async def _find(digest: str) -> Known | None:
    found = await store.resolve(digest)
    return _known(found) if found else None


def _known(found: dict[str, Any]) -> Known:
    key_id, expires_at = found.pop("key_id"), found.pop("expires_at")
    endpoints, scopes = store.words(found.pop("endpoints")), store.words(found.pop("scopes"))
    return Known(
        Actor(**found, session_id=key_id, credential=KeyReader.kind),
        expires_at,
        None if endpoints is None else tuple(endpoints),
        None if scopes is None else frozenset(scopes),
    )
