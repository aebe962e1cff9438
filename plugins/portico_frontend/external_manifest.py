"""The manifest of an installed web app from another address, in place of this server's own."""

import asyncio
from typing import Any, Final

import msgspec
import structlog

from portico.api import AppContext, FetchRefused

log = structlog.get_logger("portico.frontend")

#: Seconds for which a manifest, or the fact that there is none, is kept: anyone may ask for it.
KEPT_SECONDS: Final = 60.0
FETCH_SECONDS: Final = 5.0
MAX_MANIFEST_BYTES: Final = 64 * 1024


class ExternalManifest:
    """Fetches it, once for all callers. `url`: "" = there is none."""

    def __init__(self, app: AppContext, url: str) -> None:
        self._app, self._url = app, url
        self._lock = asyncio.Lock()
        self._kept: bytes | None = None
        self._until = 0.0

    async def get(self) -> bytes | None:
        """Return the manifest as JSON; None if there is none, or it cannot be fetched."""
        if not self._url:
            return None
        async with self._lock:
            now = asyncio.get_running_loop().time()
            if now >= self._until:
                self._kept = await self._fetch()
                self._until = now + KEPT_SECONDS
        return self._kept

    async def _fetch(self) -> bytes | None:
        try:
            found = await self._app.safe_http.get(
                self._url, largest=MAX_MANIFEST_BYTES, timeout=FETCH_SECONDS
            )
            msgspec.json.decode(found.body, type=dict[str, Any])
        except (FetchRefused, msgspec.DecodeError) as error:
            log.warning(
                "no manifest at frontend.manifest_url; this server's own is sent",
                error=type(error).__name__,
            )
            return None
        return found.body if found.status == 200 else None
