"""Pictures of people as their providers have them."""

from collections.abc import Mapping
from typing import Any

import msgspec

from portico.api import House, Proof
from portico_oauth.claims import NOTHING, lookup
from portico_oauth.evidence import Evidence
from portico_oauth.registrations import Registration
from portico_oauth.settings import Settings


class Pictures:
    """Fetches pictures, where an account is to be given one."""

    def __init__(self, house: House, settings: Settings) -> None:
        self._house, self._settings = house, settings

    async def added(self, proof: Proof, evidence: Evidence, registration: Registration) -> Proof:
        """The proof with the picture that goes with it, if there is one and somebody is in need of it."""
        address = picture_address(evidence.claims, registration, self._settings)
        if not address or not await self._wanted(proof, registration):
            return proof
        picture = await self._fetch(address, evidence, registration)
        return msgspec.structs.replace(proof, picture=picture) if picture else proof

    async def _wanted(self, proof: Proof, registration: Registration) -> bool:
        if self._settings.update_picture or proof.subject is None:
            return True
        links = self._house.identity.links
        return await links.account_id(registration.name, proof.subject) is None

    async def _fetch(
        self, address: str, evidence: Evidence, registration: Registration
    ) -> str | None:
        return None


def picture_address(
    claims: Mapping[str, Any], registration: Registration, settings: Settings
) -> str:
    """Where somebody's picture is; empty = nowhere, or nobody wants to know."""
    if not settings.picture_claim:
        return ""
    if registration.picture_url:
        return registration.picture_url
    found = lookup(claims, settings.picture_claim)
    if found in NOTHING:
        found = claims.get(registration.pictures)
    return found if isinstance(found, str) else ""
