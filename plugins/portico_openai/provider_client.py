"""Requests to one OpenAI-compatible provider: its models, and completions whose bytes pass through."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext

import aiohttp
import msgspec

from portico.api import SourceFailed
from portico.api.models import (
    EVENT_STREAM,
    JSON_MEDIA_TYPE,
    ModelCard,
    SourceRequest,
    SourceResponse,
)
from portico_openai.model_list import cards, provider_model_id, read_listing
from portico_openai.provider_errors import ProviderErrors
from portico_openai.redactor import Redactor
from portico_openai.request_body import encode
from portico_openai.settings import OpenAIConnection, OpenAISettings
from portico_openai.sse_filter import SSEFilter
from portico_openai.stream_relay import StreamRelay

#: Bytes of a model list, or of a response that is not streamed.
MAX_RESPONSE_BYTES = 64 * 1024 * 1024
#: Bytes of an error response that are read.
MAX_ERROR_BYTES = 64 * 1024


class _Completion(msgspec.Struct):
    """A valid completion has `choices` and no `error`."""

    choices: list[dict[str, msgspec.Raw]] | msgspec.UnsetType = msgspec.UNSET
    error: msgspec.Raw = msgspec.Raw(b"null")


class ProviderClient:
    """Sends requests to one provider. `http` returns the client session of this process."""

    def __init__(
        self,
        connection: OpenAIConnection,
        settings: OpenAISettings,
        http: Callable[[], aiohttp.ClientSession],
    ) -> None:
        self._connection = connection
        self._settings = settings
        self._http = http
        headers = {
            name: value.reveal() for name, value in (connection.options.headers or {}).items()
        }
        self._redact = Redactor(connection.url, [connection.key.reveal(), *headers.values()])
        self._errors = ProviderErrors(connection.name, self._redact)
        self._headers = {"Accept-Encoding": "identity", "User-Agent": "portico", **headers}
        if connection.key and connection.options.auth_type != "none":
            self._headers["Authorization"] = f"Bearer {connection.key.reveal()}"

    async def list_models(self) -> Sequence[ModelCard]:
        """Return the current models."""
        timeout = aiohttp.ClientTimeout(
            total=self._settings.list_timeout, sock_connect=self._settings.connect_timeout
        )
        try:
            async with await self._call("GET", "/models", timeout) as response:
                body = await _read(response, MAX_RESPONSE_BYTES)
        except TimeoutError:
            raise self._errors.timed_out() from None
        except aiohttp.ClientError as error:
            raise self._errors.unreachable(error) from None
        if response.status != 200:
            raise self._errors.failed(response.status, body)
        try:
            return cards(self._connection, read_listing(body))
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise self._errors.invalid_response("the list of models cannot be read") from None

    async def complete(self, completion: SourceRequest) -> SourceResponse:
        """Answer one request. Returns after the first bytes, so that most errors have a status code."""
        model = provider_model_id(self._connection, completion.model)
        body = encode(completion, model, is_openai=self._connection.is_openai)
        timeout = aiohttp.ClientTimeout(
            total=self._settings.timeout,
            sock_connect=self._settings.connect_timeout,
            sock_read=self._settings.idle_timeout,
        )
        response: aiohttp.ClientResponse | None = None
        result: SourceResponse | None = None
        try:
            async with self._first_byte_limit():
                response = await self._call("POST", "/chat/completions", timeout, body)
                first = await response.content.readany()
            result = await self._response(response, first, stream=completion.stream)
        except TimeoutError:
            raise self._errors.timed_out() from None
        except aiohttp.ClientError as error:
            raise self._errors.unreachable(error) from None
        finally:
            # Close the response on every error, and when the client disconnects.
            if response is not None and not (result and isinstance(result.body, StreamRelay)):
                response.close()
        return result

    def _first_byte_limit(self) -> AbstractAsyncContextManager[object]:
        limit = self._settings.first_byte_timeout
        # The session already applies the idle timeout, without another timer.
        return nullcontext() if limit >= self._settings.idle_timeout else asyncio.timeout(limit)

    async def _call(
        self, method: str, path: str, timeout: aiohttp.ClientTimeout, body: bytes | None = None
    ) -> aiohttp.ClientResponse:
        headers = {**self._headers, "Content-Type": "application/json"} if body else self._headers
        return await self._http().request(
            method,
            self._connection.url + path,
            data=body,
            headers=headers,
            timeout=timeout,
            ssl=self._settings.verify_tls,
            allow_redirects=False,  # the key is for this provider only
        )

    async def _response(
        self, response: aiohttp.ClientResponse, first: bytes, *, stream: bool
    ) -> SourceResponse:
        media_type = response.content_type
        if response.status != 200:
            body = first + await _read(response, MAX_ERROR_BYTES)
            return self._errors.from_response(response.status, response.headers, body)
        if not first:
            raise self._errors.invalid_response("an empty response")
        if (
            media_type == "text/html"
            or response.headers.get("Content-Encoding", "identity") != "identity"
        ):
            raise self._errors.invalid_response(f"a response of the type {media_type}")
        if stream and media_type != JSON_MEDIA_TYPE:
            return self._streamed_response(response, first)
        return self._complete_response(first + await _read(response, MAX_RESPONSE_BYTES))

    def _streamed_response(self, response: aiohttp.ClientResponse, first: bytes) -> SourceResponse:
        sse_filter = SSEFilter(self._redact.remove_known)
        block = sse_filter.feed(first)
        if sse_filter.upstream_error is not None and not block:
            raise SourceFailed(self._errors.error_in_stream(sse_filter.upstream_error))
        relay = StreamRelay(response, sse_filter, self._errors, block)
        return SourceResponse(body=relay, content_type=EVENT_STREAM)

    def _complete_response(self, body: bytes) -> SourceResponse:
        try:
            completion = msgspec.json.decode(body, type=_Completion)
            body.decode()
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise self._errors.invalid_response("a response that is not a completion") from None
        if bytes(completion.error) != b"null" or completion.choices is msgspec.UNSET:
            raise SourceFailed(self._errors.error_in_stream(body[:MAX_ERROR_BYTES]))
        return SourceResponse(body=body)


async def _read(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """Return the rest of a response; more than `limit` bytes if it is too long."""
    parts, size = [], 0
    while size <= limit and (block := await response.content.readany()):
        parts.append(block)
        size += len(block)
    return b"".join(parts)
