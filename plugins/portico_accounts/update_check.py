"""Which release of this server is the latest, as an address of the operator's choice says. Asks no server unless it is enabled."""

import asyncio
from importlib.metadata import version
from typing import Any, Final

import msgspec
import structlog

from portico.api import AppContext, FetchRefused
from portico_accounts.client_config import VERSION
from portico_accounts.settings import AccountsSettings

log = structlog.get_logger("portico.accounts")

#: Seconds for which an answer, or the fact that there is none, is kept.
KEPT_SECONDS: Final = 3600.0
FETCH_SECONDS: Final = 5.0
#: A release at GitHub with its notes and files.
MAX_RELEASE_BYTES: Final = 1024 * 1024
MAX_VERSION_CHARS: Final = 64


class LatestRelease(msgspec.Struct):
    """A release, as GitHub's API shows one (`tag_name`), or any other document (`version`)."""

    tag_name: str = ""
    version: str = ""


class UpdateCheck:
    """Asks for the latest release, once for all callers."""

    def __init__(self, app: AppContext, settings: AccountsSettings) -> None:
        self._app, self._url = app, settings.releases_url
        self.is_enabled = bool(
            settings.check_updates and not settings.offline and settings.releases_url
        )
        self._lock = asyncio.Lock()
        self._latest = ""
        self._until = 0.0

    async def get(self) -> dict[str, str]:
        """Return the running version and the latest one. They are equal if the check is off, or fails."""
        if not self.is_enabled:
            return {"current": VERSION, "latest": VERSION}
        current = version("portico")
        async with self._lock:
            now = asyncio.get_running_loop().time()
            if now >= self._until:
                self._latest = await self._fetch()
                self._until = now + KEPT_SECONDS
        return {"current": current, "latest": self._latest or current}

    async def _fetch(self) -> str:
        try:
            found = await self._app.safe_http.get(
                self._url, largest=MAX_RELEASE_BYTES, timeout=FETCH_SECONDS
            )
            release: Any = msgspec.json.decode(found.body, type=LatestRelease)
        except (FetchRefused, msgspec.MsgspecError) as error:
            log.warning(
                "no release at accounts.releases_url; asked again in an hour",
                error=type(error).__name__,
            )
            return ""
        latest = (release.tag_name or release.version).removeprefix("v")
        is_version = latest.isprintable() and len(latest) <= MAX_VERSION_CHARS
        return latest if found.status == 200 and is_version else ""
