"""Requests of administrators that go to the first connection as they are: audio, files and everything else.

Nothing of the client's credentials is sent, and of the answer only body, status and media type come back. Filters, budgets
and the accounting of usage do not see these requests, so it is off unless the operator turns it on.
"""

import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Final
from urllib.parse import quote

from portico.api import Forbidden, NotFound
from portico.api.audit import record_change
from portico.api.db import transaction
from portico.api.models import SourceResponse
from portico.api.sources import MAX_ERROR_BYTES, HTTPResponse, SourceClient
from portico_openai.settings import OpenAISettings
from portico_openai.sources import OpenAISources

#: Characters of a path in the audit log.
MAX_RECORDED_CHARS: Final = 500
OPENAI_NOT_FOUND: Final = "OpenAI API was not found"
#: Media types that a browser does not run. All others are sent as bytes.
_HARMLESS: Final = ("application/json", "application/jsonl", "text/event-stream", "text/plain")
_HARMLESS_KINDS: Final = ("audio/", "video/")
OCTETS: Final = "application/octet-stream"


class Passthrough:
    """Sends requests to the provider of the first connection."""

    def __init__(self, settings: OpenAISettings, sources: OpenAISources) -> None:
        self._is_allowed, self._sources = settings.passthrough, sources

    async def send(
        self, method: str, path: str, query: bytes, headers: Mapping[str, str], body: bytes
    ) -> SourceResponse:
        """Return the provider's response to a request below its base URL. `headers`: of the client.

        Raises: Forbidden if the operator has not allowed it; NotFound without a connection, or for a path that leaves the
        base URL; all errors of the source.
        """
        if not self._is_allowed:
            raise Forbidden
        source = await self._sources.source(0)
        if source is None:
            raise NotFound(OPENAI_NOT_FOUND)
        client = source.client.requests
        target = _target(path, query)
        if method != "GET":
            async with transaction():
                await record_change(
                    "connection.request_sent",
                    "connection",
                    source.name,
                    None,
                    {"method": method, "path": path[:MAX_RECORDED_CHARS]},
                )
        sent = {
            name: headers[name] for name in ("accept", "content-type") if headers.get(name)
        } | dict(await source.client.plain_headers())
        response = await client.open(method, target, body or None, headers=sent)
        return await _answer(client, response)


async def _answer(client: SourceClient, response: HTTPResponse) -> SourceResponse:
    if 200 <= response.status < 300:
        return SourceResponse(
            body=_Body(client, response),
            status=response.status,
            content_type=_media_type(response.content_type),
        )
    with contextlib.closing(response):
        body = await client.read(response, MAX_ERROR_BYTES)
        return client.errors.from_response(response.status, response.headers, body)


class _Body:
    """The blocks of a response. Not a generator: closing one that never started would not close the response."""

    def __init__(self, client: SourceClient, response: HTTPResponse) -> None:
        self._client, self._response = client, response

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if block := await self._client.next_block(self._response):
            return block
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Close the provider's response."""
        self._response.close()


def _target(path: str, query: bytes) -> str:
    """Return the path below the base URL. Raises: NotFound for one that would leave it."""
    segments = path.strip("/").split("/")
    if any(one in ("", ".", "..") or "\\" in one or not one.isprintable() for one in segments):
        raise NotFound
    quoted = "/".join(quote(one, safe=":@-._~!$'()*,=") for one in segments)
    return f"/{quoted}" + (f"?{query.decode('latin-1')}" if query else "")


def _media_type(given: str) -> str:
    is_harmless = given in _HARMLESS or given.startswith(_HARMLESS_KINDS)
    return given if is_harmless else OCTETS
