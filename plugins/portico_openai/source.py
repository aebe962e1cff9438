"""One OpenAI-compatible provider as a model source: it lists, it completes, its bytes pass through."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext

import aiohttp
import msgspec

from portico.api import (
    EVENT_STREAM,
    JSON_MEDIA_TYPE,
    ModelCard,
    SourceFailed,
    SourceRequest,
    SourceResponse,
)
from portico_openai.failures import Failures, Redactor
from portico_openai.model_list import cards, fixed_listing, provider_model_id, read_listing
from portico_openai.payload import encode
from portico_openai.relay import Relay
from portico_openai.settings import OpenAIConnection, OpenAISettings
from portico_openai.sse_filter import Guard

#: Bytes of a list or of an answer that is not streamed.
LARGEST_ANSWER = 64 * 1024 * 1024
#: Bytes of a refusal that are read at all.
LARGEST_REFUSAL = 64 * 1024


class _Whole(msgspec.Struct):
    """What makes an answer one."""

    choices: list[dict[str, msgspec.Raw]] | msgspec.UnsetType = msgspec.UNSET
    error: msgspec.Raw = msgspec.Raw(b"null")


class OpenAISource:
    """A `ModelSource`. `http` gives the client session of this process."""

    def __init__(
        self,
        connection: OpenAIConnection,
        settings: OpenAISettings,
        http: Callable[[], aiohttp.ClientSession],
    ) -> None:
        self.name = connection.name
        self._connection = connection
        self._settings = settings
        self._http = http
        headers = {
            name: value.reveal() for name, value in (connection.options.headers or {}).items()
        }
        self._redact = Redactor(connection.url, [connection.key.reveal(), *headers.values()])
        self._failures = Failures(connection.name, self._redact)
        self._headers = {"Accept-Encoding": "identity", "User-Agent": "portico", **headers}
        if connection.key and connection.options.auth_type != "none":
            self._headers["Authorization"] = f"Bearer {connection.key.reveal()}"

    async def list_models(self) -> Sequence[ModelCard]:
        """The models there are now, or those an operator has named, without asking."""
        if self._connection.options.model_ids:
            return cards(self._connection, fixed_listing(self._connection.options.model_ids))
        timeout = aiohttp.ClientTimeout(
            total=self._settings.list_timeout, sock_connect=self._settings.connect_timeout
        )
        try:
            async with await self._call("GET", "/models", timeout) as response:
                body = await _read(response, LARGEST_ANSWER)
        except TimeoutError:
            raise self._failures.timed_out() from None
        except aiohttp.ClientError as error:
            raise self._failures.unreachable(error) from None
        if response.status != 200:
            raise self._failures.failed(response.status, body)
        try:
            return cards(self._connection, read_listing(body))
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise self._failures.invalid_response("the list of models cannot be read") from None

    async def complete(self, completion: SourceRequest) -> SourceResponse:
        """Answer one turn. Returns once the first bytes are here, so that most failures have a status."""
        model = provider_model_id(self._connection, completion.model)
        body = encode(completion, model, is_openai=self._connection.is_openai)
        timeout = aiohttp.ClientTimeout(
            total=self._settings.timeout,
            sock_connect=self._settings.connect_timeout,
            sock_read=self._settings.idle_timeout,
        )
        response: aiohttp.ClientResponse | None = None
        reply: SourceResponse | None = None
        try:
            async with self._first_byte_limit():
                response = await self._call("POST", "/chat/completions", timeout, body)
                first = await response.content.readany()
            reply = await self._reply(response, first, stream=completion.stream)
        except TimeoutError:
            raise self._failures.timed_out() from None
        except aiohttp.ClientError as error:
            raise self._failures.unreachable(error) from None
        finally:
            # Whatever happens here, a client that leaves included, does not leave the call behind.
            if response is not None and not (reply and isinstance(reply.body, Relay)):
                response.close()
        return reply

    def _first_byte_limit(self) -> AbstractAsyncContextManager[object]:
        limit = self._settings.first_byte_timeout
        # The session's own limit on silence is in force already, and costs no timer of ours.
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
            allow_redirects=False,  # the key is for this provider and nobody it sends us to
        )

    async def _reply(
        self, response: aiohttp.ClientResponse, first: bytes, *, stream: bool
    ) -> SourceResponse:
        kind = response.content_type
        if response.status != 200:
            body = first + await _read(response, LARGEST_REFUSAL)
            return self._failures.refused(response.status, response.headers, body)
        if not first:
            raise self._failures.invalid_response("an empty answer")
        if (
            kind == "text/html"
            or response.headers.get("Content-Encoding", "identity") != "identity"
        ):
            raise self._failures.invalid_response(f"an answer of the type {kind}")
        if stream and kind != JSON_MEDIA_TYPE:
            return self._stream(response, first)
        return self._whole(first + await _read(response, LARGEST_ANSWER))

    def _stream(self, response: aiohttp.ClientResponse, first: bytes) -> SourceResponse:
        guard = Guard(self._redact.known)
        block = guard.SSEFilter(first)
        if guard.upstream_error is not None and not block:
            raise SourceFailed(self._failures.error_in_stream(guard.upstream_error))
        relay = Relay(response, guard, self._failures, block)
        return SourceResponse(body=relay, content_type=EVENT_STREAM)

    def _whole(self, body: bytes) -> SourceResponse:
        try:
            answer = msgspec.json.decode(body, type=_Whole)
            body.decode()
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise self._failures.invalid_response("an answer that is not a completion") from None
        if bytes(answer.error) != b"null" or answer.choices is msgspec.UNSET:
            raise SourceFailed(self._failures.error_in_stream(body[:LARGEST_REFUSAL]))
        return SourceResponse(body=body)


async def _read(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """The rest of an answer, or so much of it that it is over the limit."""
    parts, size = [], 0
    while size <= limit and (block := await response.content.readany()):
        parts.append(block)
        size += len(block)
    return b"".join(parts)
