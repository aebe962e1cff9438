"""Access tokens of this server at Azure, which it gets with a client id and a secret (Microsoft Entra ID)."""

import asyncio
import logging
import time
from typing import Final
from urllib.parse import quote, urlencode

import msgspec

from portico.api import SourceFailed, failure_reason
from portico.api.sources import HTTPClientError, OutgoingHTTP, RequestLimits, read_body
from portico_openai.settings import OpenAISettings

log = logging.getLogger(__name__)

#: What a token is for. Source: the documentation of Azure OpenAI.
SCOPE: Final = "https://cognitiveservices.azure.com/.default"
#: A token is renewed so many seconds before it expires.
MIN_REMAINING_SECONDS: Final = 300
#: Seconds after which a token is renewed if the answer does not say when it expires.
DEFAULT_LIFETIME_SECONDS: Final = 3600
LIMITS: Final = RequestLimits(connect=10, first_byte=10, idle=10, total=15)
MAX_ANSWER_BYTES: Final = 64 * 1024


class _TokenAnswer(msgspec.Struct):
    access_token: str
    expires_in: int = DEFAULT_LIFETIME_SECONDS


class EntraTokens:
    """Gets tokens, one request at a time, and keeps the last one."""

    def __init__(self, settings: OpenAISettings, http: OutgoingHTTP) -> None:
        self._settings, self._http = settings, http
        self._token, self._renew_at = "", 0.0
        self._lock = asyncio.Lock()

    async def token(self) -> str:
        """Return a token that is valid for minutes. Raises: SourceFailed if Azure gives none."""
        if time.monotonic() < self._renew_at:
            return self._token
        async with self._lock:
            if time.monotonic() >= self._renew_at:
                answer = await self._request()
                lifetime = max(answer.expires_in - MIN_REMAINING_SECONDS, 0)
                self._token, self._renew_at = answer.access_token, time.monotonic() + lifetime
        return self._token

    async def _request(self) -> _TokenAnswer:
        settings = self._settings
        url = f"{settings.azure_authority_host.rstrip('/')}/{quote(settings.azure_tenant_id, safe='')}"
        form = {
            "grant_type": "client_credentials",
            "client_id": settings.azure_client_id,
            "client_secret": settings.azure_client_secret.reveal(),
            "scope": SCOPE,
        }
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept-Encoding": "identity",
        }
        try:
            async with await self._http.request(
                "POST",
                f"{url}/oauth2/v2.0/token",
                body=urlencode(form).encode(),
                headers=headers,
                limits=LIMITS,
                verify_tls=settings.verify_tls,
            ) as response:
                body = await read_body(response, MAX_ANSWER_BYTES)
            if response.status != 200:
                # The answer may repeat what was sent.
                log.warning("no token of Azure: it answered with status %d", response.status)
                raise SourceFailed("Azure did not accept the credentials of this server.")
            return msgspec.json.decode(body, type=_TokenAnswer)
        except (TimeoutError, HTTPClientError) as error:
            log.warning("no token of Azure: %s", failure_reason(error))
            raise SourceFailed("Azure's sign-in could not be reached.") from None
        except msgspec.MsgspecError:
            log.warning("no token of Azure: its answer cannot be read")
            raise SourceFailed("Azure's sign-in sent an answer that cannot be read.") from None
