"""Requests to the provider of one model source: whole documents, and answers whose bytes pass through."""

import codecs
import re
from collections.abc import Iterable, Mapping
from typing import BinaryIO, NoReturn

import msgspec

from portico.catalogue import JSON_MEDIA_TYPE, SourceResponse
from portico.errors import SourceFailed
from portico.http_client import (
    HTTPClientError,
    HTTPResponse,
    OutgoingHTTP,
    PreparedRequest,
    RequestLimits,
)
from portico.time_limit import within
from portico.upstream.answer_format import CHAT_COMPLETION, AnswerFormat
from portico.upstream.idle_watch import IdleWatch
from portico.upstream.lenient_chunk import mended_json
from portico.upstream.provider_errors import ProviderErrors
from portico.upstream.redactor import Redactor
from portico.upstream.stream_relay import StreamRelay

#: Bytes of a document, or of an answer that is not streamed.
MAX_RESPONSE_BYTES = 64 * 1024 * 1024
#: Bytes of an error response that are read.
MAX_ERROR_BYTES = 64 * 1024
#: Requests that are kept without their bodies. Where each user has headers of its own, beyond that all are made again.
MAX_PREPARED = 64

#: What requests raise. ValueError: the address or a header cannot be sent, such as two ways to sign in at once.
HTTP_ERRORS = (TimeoutError, HTTPClientError, ValueError)
JSON_TYPE_HEADER = {"Content-Type": JSON_MEDIA_TYPE}
#: The beginning of a stream of server-sent events.
_EVENT = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:data|event|id|retry)?:")


class SourceClient:
    """Sends requests to one provider, and turns each failure into an error that names the source and nothing else.

    `name`: of the source. `url`: to which the paths of requests are appended. `headers`: sent with each request. `secrets`:
    texts that no client and no log may see; the URL and the values of `headers` are added. `redact` and `errors` are for
    what a plugin reads itself.
    """

    def __init__(
        self,
        name: str,
        url: str,
        http: OutgoingHTTP,
        *,
        headers: Mapping[str, str] | None = None,
        secrets: Iterable[str] = (),
        limits: RequestLimits,
        verify_tls: bool = True,
    ) -> None:
        self.name = name
        self.url = url
        self.redact = Redactor(url, [*secrets, *(headers or {}).values()])
        self.errors = ProviderErrors(name, self.redact)
        self._http = http
        self._headers = {
            "Accept-Encoding": "identity",
            "User-Agent": "portico",
            **(headers or {}),
        }
        self._limits, self._stream_limits = limits, limits.unwatched()
        self._verify_tls = verify_tls
        self._requests: dict[tuple[object, ...], PreparedRequest] = {}
        self._watch = IdleWatch(limits.idle)

    async def fetch(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        limits: RequestLimits | None = None,
    ) -> bytes:
        """Return a whole document, such as a list of models. Redirects of a GET to the same origin are followed.

        Raises: SourceFailed, also for another status than 2xx; SourceTimedOut.
        """
        async with await self.open(
            method,
            path,
            body,
            headers=headers,
            limits=limits,
            follow_redirects=method == "GET",
        ) as response:
            content = await self.read(response, MAX_RESPONSE_BYTES)
        if not 200 <= response.status < 300:
            raise self.errors.failed(response.status, content[:MAX_ERROR_BYTES])
        return content

    async def answer(
        self,
        path: str,
        body: bytes,
        *,
        stream: bool,
        answer_format: AnswerFormat = CHAT_COMPLETION,
        headers: Mapping[str, str] | None = None,
    ) -> SourceResponse:
        """Send a request to a model. Returns after the first bytes of the answer, so that most errors have a status.

        The response of the provider is closed on every error, and when the client disconnects.
        Raises: SourceFailed, SourceTimedOut, RateLimited.
        """
        response: HTTPResponse | None = None
        result: SourceResponse | None = None
        try:
            response = await self.open(
                "POST",
                path,
                body,
                headers=headers,
                limits=self._stream_limits if stream else self._limits,
            )
            first = await response.read_block()
            result = await self._response(response, first, answer_format, stream=stream)
        except HTTP_ERRORS as error:
            self._fail(error)
        finally:
            if response is not None and not (result and isinstance(result.body, StreamRelay)):
                response.close()
        return result

    async def open(
        self,
        method: str,
        path: str,
        body: bytes | BinaryIO | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        limits: RequestLimits | None = None,
        follow_redirects: bool = False,
    ) -> HTTPResponse:
        """Return the open response of any request; the caller reads and closes it. `body`: JSON unless `headers` say otherwise.

        `follow_redirects`: those to the same origin; no others are followed.
        Raises: SourceFailed, SourceTimedOut.
        """
        content_type = JSON_TYPE_HEADER if body else {}
        try:
            if not follow_redirects:
                request = self._prepared(method, path, content_type, headers or {})
                return await self._http.send(request, body, limits or self._limits)
            return await self._http.request(
                method,
                self.url + path,
                body=body,
                headers=_merged(content_type, self._headers, headers or {}),
                limits=limits or self._limits,
                verify_tls=self._verify_tls,
                follow_redirects=True,
            )
        except HTTP_ERRORS as error:
            self._fail(error)

    async def next_block(self, response: HTTPResponse) -> bytes:
        """Return the next bytes of an open response; none at its end. Raises: SourceFailed, SourceTimedOut."""
        try:
            return await response.read_block()
        except HTTP_ERRORS as error:
            self._fail(error)

    async def read(self, response: HTTPResponse, limit: int) -> bytes:
        """Return the rest of an open response; more than `limit` bytes if it is too long. Raises: as `next_block`."""
        try:
            return await read_body(response, limit)
        except HTTP_ERRORS as error:
            self._fail(error)

    async def is_reachable(self, limits: RequestLimits) -> bool:
        """Return whether a server answers at the address, whatever it answers. Nothing is logged."""
        try:
            response = await self._http.request(
                "GET",
                self.url,
                headers=self._headers,
                limits=limits,
                verify_tls=self._verify_tls,
            )
        except HTTP_ERRORS:
            return False
        response.close()
        return True

    def _prepared(
        self, method: str, path: str, content_type: Mapping[str, str], headers: Mapping[str, str]
    ) -> PreparedRequest:
        """Return a request without its body. Most requests differ in nothing else, so it is kept. Raises: ValueError."""
        key = method, path, bool(content_type), tuple(headers.items())
        found = self._requests.get(key)
        if found is None:
            if len(self._requests) >= MAX_PREPARED:
                self._requests.clear()
            found = self._requests[key] = self._http.prepare(
                method,
                self.url + path,
                _merged(content_type, self._headers, headers),
                verify_tls=self._verify_tls,
            )
        return found

    def _fail(self, error: BaseException) -> NoReturn:
        """Raise the error for clients in place of one of the HTTP client."""
        if isinstance(error, TimeoutError):
            raise self.errors.timed_out() from None
        raise self.errors.unreachable(error) from None

    async def _response(
        self,
        response: HTTPResponse,
        first: bytes,
        answer_format: AnswerFormat,
        *,
        stream: bool,
    ) -> SourceResponse:
        media_type = response.content_type
        if response.status != 200:
            body = first + await read_body(response, MAX_ERROR_BYTES, self._limits.idle)
            return self.errors.from_response(response.status, response.headers, body)
        if not first:
            raise self.errors.invalid_response("an empty response")
        if response.headers.get("content-encoding", "identity") != "identity":
            raise self.errors.invalid_response("a compressed response")
        is_event = _EVENT.match(first) is not None  # whatever the type says
        if media_type == "text/html" and not is_event:
            raise self.errors.invalid_response(f"a response of the type {media_type}")
        if stream and (media_type != JSON_MEDIA_TYPE or is_event):
            return self._streamed_response(response, first, answer_format)
        if not response.at_end():
            first += await read_body(response, MAX_RESPONSE_BYTES, self._limits.idle)
        return self._whole_response(first, answer_format)

    def _streamed_response(
        self, response: HTTPResponse, first: bytes, answer_format: AnswerFormat
    ) -> SourceResponse:
        stream_filter = answer_format.new_filter(self.redact.remove_known)
        block = stream_filter.feed(first)
        if stream_filter.upstream_error is not None and not block:
            raise SourceFailed(
                self.errors.error_in_stream(stream_filter.upstream_error), may_concern_request=True
            )
        relay = StreamRelay(response, stream_filter, self.errors, block, self._watch)
        return SourceResponse(body=relay, content_type=answer_format.stream_type)

    def _whole_response(self, body: bytes, answer_format: AnswerFormat) -> SourceResponse:
        try:
            body, is_error = _checked(body, answer_format)
        except (ValueError, msgspec.MsgspecError):
            raise self.errors.invalid_response("a response that is not a completion") from None
        if is_error:
            raise SourceFailed(
                self.errors.error_in_stream(body[:MAX_ERROR_BYTES]), may_concern_request=True
            )
        return SourceResponse(body=body)


def _merged(*parts: Mapping[str, str]) -> dict[str, str]:
    """Return all headers; of those with the same name, in any case, the last."""
    merged = {name.lower(): (name, value) for part in parts for name, value in part.items()}
    return dict(merged.values())


def _checked(body: bytes, answer_format: AnswerFormat) -> tuple[bytes, bool]:
    """Return a whole answer that clients can read, and whether it is an error. Raises: ValueError, MsgspecError."""
    body = body.removeprefix(codecs.BOM_UTF8)
    try:
        if not body.isascii():
            body.decode()
        return body, answer_format.is_error(body)
    except (ValueError, msgspec.MsgspecError):
        # Written again, without what a strict decoder refuses, such as half of a surrogate pair.
        body = msgspec.json.encode(mended_json(body))
        return body, answer_format.is_error(body)


async def read_body(response: HTTPResponse, limit: int, idle: float | None = None) -> bytes:
    """Return the rest of a response; more than `limit` bytes if it is too long.

    `idle`: seconds to wait for each block; None = as long as the limits of the request allow. Raises: TimeoutError.
    """
    parts, size = [], 0
    while size <= limit and (block := await within(idle, response.read_block())):
        parts.append(block)
        size += len(block)
    return b"".join(parts)
