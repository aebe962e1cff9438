"""Profile pictures from providers."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from portico.api import AppContext
from portico.api.auth import ExternalIdentity, download_picture
from portico_oauth.protocol.claims import EMPTY_VALUES, lookup
from portico_oauth.protocol.login_result import LoginResult
from portico_oauth.protocol.registration import Registration
from portico_oauth.settings import OAuthSettings


class Avatars:
    """Fetches the profile picture if the account needs one."""

    def __init__(self, app: AppContext, settings: OAuthSettings) -> None:
        self._app, self._settings = app, settings

    async def with_picture(
        self, identity: ExternalIdentity, result: LoginResult, registration: Registration
    ) -> ExternalIdentity:
        """Return the identity with its picture. It is fetched for a new link, or each time if the settings say so."""
        url = picture_url(result.claims, registration, self._settings)
        if not url or not await self._is_needed(identity, registration):
            return identity
        picture = await self._fetch(url, result, registration)
        return msgspec.structs.replace(identity, picture=picture) if picture else identity

    async def _is_needed(self, identity: ExternalIdentity, registration: Registration) -> bool:
        if self._settings.update_picture or identity.subject is None:
            return True
        links = self._app.identity.links
        return await links.account_id(registration.name, identity.subject) is None

    async def _fetch(self, url: str, result: LoginResult, registration: Registration) -> str | None:
        """Return the picture as a `data:` URL; None if it cannot be fetched or is not a supported picture."""
        headers = {}
        is_providers_url = (
            urlsplit(url).netloc.lower() in result.hosts or url == registration.picture_url
        )
        token = result.token.get("access_token")
        if is_providers_url and token:
            headers["Authorization"] = f"Bearer {token}"
        timeout = self._settings.timeout
        return await download_picture(self._app.safe_http, url, timeout=timeout, headers=headers)


def picture_url(
    claims: Mapping[str, Any], registration: Registration, settings: OAuthSettings
) -> str:
    """Return the URL of the user's picture; empty if there is none, or pictures are disabled."""
    if not settings.picture_claim:
        return ""
    if registration.picture_url:
        return registration.picture_url
    url = lookup(claims, settings.picture_claim)
    if url in EMPTY_VALUES:
        url = claims.get(registration.picture_claim)
    return url if isinstance(url, str) else ""
