"""Pictures of people as their providers have them."""

import base64
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from portico.api import AppContext, ExternalIdentity, FetchRefused, decode_data_url
from portico_oauth.protocol.claims import NOTHING, lookup
from portico_oauth.protocol.login_result import LoginResult
from portico_oauth.registrations import Registration
from portico_oauth.settings import OAuthSettings

#: Bytes: as a `data:` address they have a third more characters, of which accounts keep 256 KiB.
LARGEST = 190 * 1024
TYPES = ("image/png", "image/jpeg", "image/gif", "image/webp")


class Pictures:
    """Fetches pictures, where an account is to be given one."""

    def __init__(self, app: AppContext, settings: OAuthSettings) -> None:
        self._app, self._settings = app, settings

    async def added(
        self, proof: ExternalIdentity, evidence: LoginResult, registration: Registration
    ) -> ExternalIdentity:
        """The proof with the picture that goes with it, if there is one and somebody is in need of it."""
        address = picture_address(evidence.claims, registration, self._settings)
        if not address or not await self._wanted(proof, registration):
            return proof
        picture = await self._fetch(address, evidence, registration)
        return msgspec.structs.replace(proof, picture=picture) if picture else proof

    async def _wanted(self, proof: ExternalIdentity, registration: Registration) -> bool:
        if self._settings.update_picture or proof.subject is None:
            return True
        links = self._app.identity.links
        return await links.account_id(registration.name, proof.subject) is None

    async def _fetch(
        self, address: str, evidence: LoginResult, registration: Registration
    ) -> str | None:
        """The picture as a `data:` address; None if there is none that will do."""
        headers = {}
        ours = (
            urlsplit(address).netloc.lower() in evidence.hosts
            or address == registration.picture_url
        )
        token = evidence.token.get("access_token")
        if ours and token:
            headers["Authorization"] = f"Bearer {token}"
        try:
            found = await self._app.safe_http.get(
                address,
                largest=LARGEST,
                types=TYPES,
                timeout=self._settings.timeout,
                headers=headers,
                https_only=True,
            )
        except FetchRefused:
            return None
        picture = f"data:{found.content_type};base64,{base64.b64encode(found.body).decode()}"
        return picture if found.status == 200 and decode_data_url(picture) else None


def picture_address(
    claims: Mapping[str, Any], registration: Registration, settings: OAuthSettings
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
