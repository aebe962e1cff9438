"""Speaking to providers: one pool of connections, and a limit to the time and the size of every answer."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any, TypeVar

import httpx2
import msgspec
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client

from portico_oauth.errors import LoginRejected, ProviderUnavailable
from portico_oauth.registrations import Registration

Shape = TypeVar("Shape")

#: Bytes of an answer. Discovery documents and key sets have a few thousand.
LARGEST_ANSWER = 1024 * 1024
_HEADERS = {"accept": "application/json", "accept-encoding": "identity", "user-agent": "Portico"}


class ProviderHTTP:
    """Requests to providers. `timeout`: seconds for a whole answer. Nothing is opened before the first one."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._transport: SizeLimitedTransport | None = None

    async def get(self, url: str, shape: type[Shape], *, bearer: str | None = None) -> Shape:
        """A JSON document. Raises: Away, also for an answer that is another than 200 or does not fit."""
        headers = {"authorization": f"Bearer {bearer}"} if bearer else {}
        async with self._answering(url):
            async with httpx2.AsyncClient(**self._options()) as client:
                answer = await client.get(url, headers=headers)
            if answer.status_code != 200:
                raise ProviderUnavailable(f"{_place(url)} answered {answer.status_code}")
            return msgspec.json.decode(answer.content, type=shape)

    async def token(
        self, registration: Registration, url: str, auth_method: str | None, **grant: str
    ) -> dict[str, Any]:
        """What the token endpoint gives for a grant. Raises: Refused if it gives nothing; Away."""
        async with self._answering(url), self.client(registration, auth_method) as client:
            return dict(await client.fetch_token(url, headers=_HEADERS, **grant))

    def client(
        self, registration: Registration, auth_method: str | None = None
    ) -> AsyncOAuth2Client:
        """Authlib's client for one provider; made for a moment, on the connections of all."""
        return AsyncOAuth2Client(
            client_id=registration.client_id,
            client_secret=registration.client_secret.reveal() or None,
            token_endpoint_auth_method=auth_method,
            scope=registration.scope,
            code_challenge_method="S256",
            **self._options(),
        )

    async def close(self) -> None:
        """Let go of the connections."""
        if self._transport is not None:
            await self._transport.close()
            self._transport = None

    def _options(self) -> dict[str, Any]:
        if self._transport is None:
            self._transport = SizeLimitedTransport()
        return {
            "transport": self._transport,
            "timeout": self._timeout,
            "headers": _HEADERS,
            "follow_redirects": False,
            "trust_env": False,
        }

    @contextlib.asynccontextmanager
    async def _answering(self, url: str) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._timeout):
                yield
        except OAuthError as error:
            # What a provider writes about its errors may hold anything; its code is a word of RFC 6749.
            raise LoginRejected(f"{_place(url)} refused: {str(error.error)[:64]!r}") from None
        except (TimeoutError, httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise ProviderUnavailable(
                f"{_place(url)} does not answer: {type(error).__name__}"
            ) from None
        except (ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
            raise ProviderUnavailable(
                f"{_place(url)} talks garbage: {type(error).__name__}"
            ) from None


class SizeLimitedTransport(httpx2.AsyncBaseTransport):
    """A transport whose answers end at a size, and that outlives the clients that borrow it."""

    def __init__(self) -> None:
        self._inner = httpx2.AsyncHTTPTransport(trust_env=False)

    async def __aenter__(self) -> "SizeLimitedTransport":
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        """Stay open for the next one."""

    async def close(self) -> None:
        await self._inner.aclose()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Called by the client."""
        answer = await self._inner.handle_async_request(request)
        if answer.headers.get("content-encoding", "identity") != "identity":
            # What was not asked for could be a few bytes that become a few thousand million.
            await answer.aclose()
            raise httpx2.DecodingError("the answer is compressed", request=request)
        assert isinstance(answer.stream, httpx2.AsyncByteStream)
        return httpx2.Response(
            answer.status_code,
            headers=answer.headers,
            stream=_SizeLimitedStream(answer.stream),
            extensions=answer.extensions,
        )


class _SizeLimitedStream(httpx2.AsyncByteStream):
    def __init__(self, stream: httpx2.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for block in self._stream:
            size += len(block)
            if size > LARGEST_ANSWER:
                raise httpx2.ReadError("the answer is too large")
            yield block

    async def aclose(self) -> None:
        await self._stream.aclose()


def _place(url: str) -> str:
    """An address without what a query or a user part may hold."""
    try:
        parsed = httpx2.URL(url)
        return f"{parsed.scheme}://{parsed.host}{parsed.path}"
    except (httpx2.InvalidURL, TypeError):
        return "an address that is none"
