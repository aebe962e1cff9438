"""Requests to one Ollama server."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import BinaryIO

import msgspec

from portico.api import SourceFailed
from portico.api.connections import list_limits, request_limits
from portico.api.models import SourceRequest, SourceResponse
from portico.api.sources import (
    MAX_ERROR_BYTES,
    MAX_RESPONSE_BYTES,
    AnswerFormat,
    HTTPResponse,
    OutgoingHTTP,
    RequestLimits,
    SourceClient,
    user_headers,
)
from portico_ollama import chat_request, embeddings
from portico_ollama.chat_answer import ChatStream, completion, is_error
from portico_ollama.connection import OllamaConnection
from portico_ollama.model_list import ServerModel, read_listing
from portico_ollama.progress_stream import ProgressStream
from portico_ollama.settings import OllamaSettings

LIST_PATH = "/api/tags"
LOADED_PATH = "/api/ps"
#: Seconds for which a server that makes a model may say nothing.
MAX_SILENT_SECONDS = 3600.0


class ServerClient:
    """Sends requests to one server. The names of models are the server's own.

    `forward_user_info`: tell the server who calls a model.
    """

    def __init__(
        self,
        connection: OllamaConnection,
        settings: OllamaSettings,
        http: OutgoingHTTP,
        *,
        forward_user_info: bool = False,
    ) -> None:
        options = connection.options
        headers = options.plain_headers
        if options.key:
            headers.setdefault("Authorization", f"Bearer {options.key.reveal()}")
        self._forward_user_info = forward_user_info
        limits = request_limits(options, settings)
        self._list_limits = list_limits(options, settings)
        self._work_limits = RequestLimits(
            connect=limits.connect,
            first_byte=MAX_SILENT_SECONDS,
            idle=MAX_SILENT_SECONDS,
        )
        self.requests = SourceClient(
            connection.name,
            connection.url,
            http,
            headers=headers,
            secrets=[options.key.reveal()],
            limits=limits,
            verify_tls=settings.verify_tls,
        )

    async def list_models(self) -> Sequence[ServerModel]:
        """Return the server's models. Raises: SourceFailed."""
        return self._listing(await self._fetch(LIST_PATH))

    async def loaded_models(self) -> Sequence[ServerModel]:
        """Return the models that the server has loaded; none if it cannot say. Raises: SourceFailed."""
        return self._listing(await self._fetch(LOADED_PATH))

    async def version(self) -> str:
        """Return the server's version. Raises: SourceFailed."""
        try:
            return msgspec.json.decode(
                await self._fetch("/api/version"), type=_ServerVersion
            ).version
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise self.requests.errors.invalid_response("the version cannot be read") from None

    async def is_reachable(self) -> bool:
        """Return whether a server answers at the address."""
        return await self.requests.is_reachable(self._list_limits)

    async def chat(self, request: SourceRequest, name: str) -> SourceResponse:
        """Answer a chat completion. Returns after the first bytes of the answer."""
        path, body = chat_request.encode(request, name)
        answer_format = AnswerFormat(is_error, lambda _: ChatStream(request.model))
        response = await self.requests.answer(
            path,
            body,
            stream=request.stream,
            answer_format=answer_format,
            headers=self._caller_headers(request),
        )
        if response.status != 200 or not isinstance(response.body, bytes):
            return response
        return SourceResponse(body=completion(response.body, request.model))

    async def embed(self, request: SourceRequest, name: str) -> SourceResponse:
        """Answer a request for embeddings."""
        response = await self.requests.answer(
            embeddings.EMBED_PATH,
            embeddings.encode(request, name),
            stream=False,
            answer_format=AnswerFormat(embeddings.is_error),
            headers=self._caller_headers(request),
        )
        if response.status != 200 or not isinstance(response.body, bytes):
            return response
        body = await asyncio.to_thread(embeddings.answer, response.body, request, request.model)
        return SourceResponse(body=body)

    async def call(self, method: str, path: str, body: bytes) -> SourceResponse:
        """Send any request; return the whole answer, or the server's refusal of it. Raises: SourceFailed."""
        response = await self._opened(method, path, body)
        async with response:
            answer = await self.requests.read(response, MAX_RESPONSE_BYTES)
        return SourceResponse(body=answer) if response.ok else self._refusal(response, answer)

    async def send_file(self, path: str, file: BinaryIO) -> None:
        """Send an open file, which is then closed. Raises: SourceFailed."""
        headers = {"Content-Type": "application/octet-stream"}
        async with await self.requests.open(
            "POST", path, file, headers=headers, limits=self._work_limits
        ) as response:
            answer = await self.requests.read(response, MAX_ERROR_BYTES)
        if not response.ok:
            raise self.requests.errors.failed(response.status, answer)

    async def follow(
        self, path: str, body: bytes, finished: Callable[[], Awaitable[None]]
    ) -> SourceResponse:
        """Send a request whose answer is progress: return it as a stream, or the server's refusal of the request.

        `finished`: awaited when the server has ended. Raises: SourceFailed.
        """
        response = await self._opened("POST", path, body)
        if not response.ok:
            async with response:
                return self._refusal(response, await self.requests.read(response, MAX_ERROR_BYTES))
        progress = ProgressStream(response, self.requests, finished)
        return SourceResponse(body=progress, content_type=response.content_type)

    def _caller_headers(self, request: SourceRequest) -> Mapping[str, str]:
        return user_headers(request.actor, request.chat_id) if self._forward_user_info else {}

    async def _opened(self, method: str, path: str, body: bytes) -> HTTPResponse:
        return await self.requests.open(method, path, body, limits=self._work_limits)

    def _refusal(self, response: HTTPResponse, body: bytes) -> SourceResponse:
        """Return the refusal of a request. Raises: SourceFailed with the server's own sentence, which administrators need."""
        try:
            return self.requests.errors.from_response(response.status, response.headers, body)
        except SourceFailed as failure:
            reason = self.requests.redact(_error_text(body))
            raise SourceFailed(f"{failure.detail} {reason}".strip()) from None

    def _listing(self, body: bytes) -> Sequence[ServerModel]:
        try:
            return read_listing(body)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise self.requests.errors.invalid_response("the list cannot be read") from None

    async def _fetch(self, path: str) -> bytes:
        return await self.requests.fetch("GET", path, limits=self._list_limits)


class _ServerVersion(msgspec.Struct):
    version: str = ""


class _ServerError(msgspec.Struct):
    error: str = ""


def _error_text(body: bytes) -> str:
    try:
        return msgspec.json.decode(body, type=_ServerError).error
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return ""
