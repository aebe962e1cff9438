"""HTTP client for providers: one connection pool, and limits of time and size for every response."""

import asyncio
import codecs
import contextlib
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any, NamedTuple, TypeVar

import httpx2
import msgspec
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client

from portico.api import NetworkRules, failure_reason
from portico_oauth.protocol.client_authentication import AuthMethod, authlib_method
from portico_oauth.protocol.errors import (
    ClientNotAuthenticated,
    ClientRejected,
    LoginRejected,
    ProviderUnavailable,
)
from portico_oauth.protocol.registration import Registration

T = TypeVar("T")

#: Of one response. Discovery documents and key sets have a few thousand.
MAX_RESPONSE_BYTES = 1024 * 1024
#: Errors of a token endpoint about the authentication of the client: RFC 6749 §5.2, and Keycloak's.
_NOT_AUTHENTICATED = frozenset({"invalid_client", "unauthorized_client"})
#: Other errors that are not about the code or the token: RFC 6749 §4.1.2.1 and §5.2, and GitHub's.
_ERRORS_OF_CLIENT = frozenset(
    {
        "unsupported_grant_type",
        "incorrect_client_credentials",
        "server_error",
        "temporarily_unavailable",
    }
)
#: Connections are closed before most servers close theirs, which they do after five seconds.
_LIMITS = httpx2.Limits(keepalive_expiry=4.0)
MAX_REDIRECTS = 5
_HEADERS = {"accept": "application/json", "accept-encoding": "identity", "user-agent": "Portico"}


class ProviderResponse(NamedTuple):
    """A response with the status 200. `content_type`: without parameters, in lower case."""

    url: str
    content_type: str
    body: bytes


class ProviderHTTP:
    """Requests to providers. `timeout`: seconds for a whole response. No connection is opened before the first request.

    `rules`: which proxy leads to a provider, and which certificates are trusted.
    """

    def __init__(self, timeout: float, rules: NetworkRules) -> None:
        self._timeout = timeout
        self._rules = rules
        self._transport: SizeLimitedTransport | None = None

    async def get(self, url: str, body_type: type[T], *, bearer: str | None = None) -> T:
        """Return a JSON document. Raises: ProviderUnavailable, also for another JSON type."""
        return self.decode(await self.get_response(url, bearer=bearer), body_type)

    async def get_response(
        self, url: str, *, bearer: str | None = None, accept: str = ""
    ) -> ProviderResponse:
        """Return a response with the status 200. Redirects to the same origin are followed. Raises: ProviderUnavailable."""
        headers = {"authorization": f"Bearer {bearer}"} if bearer else {}
        if accept:
            headers["accept"] = accept
        async with self._errors_translated(url):
            async with httpx2.AsyncClient(**self._options()) as client:
                response = await _get(client, url, headers)
            if response.status_code != 200:
                raise ProviderUnavailable(
                    f"{_origin_and_path(url)} answered {response.status_code}"
                )
            content_type = response.headers.get("content-type", "")
            return ProviderResponse(
                url, content_type.partition(";")[0].strip().lower(), response.content
            )

    def decode(self, response: ProviderResponse, body_type: type[T]) -> T:
        """Return the JSON document of a response. Raises: ProviderUnavailable."""
        try:
            return msgspec.json.decode(response.body.removeprefix(codecs.BOM_UTF8), type=body_type)
        except (ValueError, RecursionError) as error:
            raise invalid_response(response.url, error) from None

    async def token(
        self, registration: Registration, url: str, auth_method: AuthMethod, **grant: str
    ) -> dict[str, Any]:
        """Return the token endpoint's response to a grant.

        Raises: LoginRejected if the grant is refused, ClientNotAuthenticated if the client is; ProviderUnavailable.
        """
        method = authlib_method(registration, auth_method)
        async with self._errors_translated(url), self.client(registration, method) as client:
            client.register_compliance_hook("access_token_response", _named_refusal)
            return dict(await client.fetch_token(url, headers=_HEADERS, **grant))

    def client(self, registration: Registration, auth_method: Any = None) -> AsyncOAuth2Client:
        """Return Authlib's client for one provider, on the shared connection pool."""
        return AsyncOAuth2Client(
            client_id=registration.client_id,
            client_secret=registration.client_secret.reveal() or None,
            token_endpoint_auth_method=auth_method,
            scope=registration.scope,
            code_challenge_method="S256",
            **self._options(),
        )

    async def close(self) -> None:
        """Close the connections."""
        if self._transport is not None:
            await self._transport.close()
            self._transport = None

    def _options(self) -> dict[str, Any]:
        if self._transport is None:
            self._transport = SizeLimitedTransport(self._rules)
        return {
            "transport": self._transport,
            "timeout": self._timeout,
            "headers": _HEADERS,
            "follow_redirects": False,
            "trust_env": False,
        }

    @contextlib.asynccontextmanager
    async def _errors_translated(self, url: str) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._timeout):
                yield
        except OAuthError as error:
            # The description of an error may contain any text; log only its code (RFC 6749 §5.2).
            raise _kind_of(error.error)(
                f"{_origin_and_path(url)} refused: {str(error.error)[:64]!r}"
            ) from None
        except (TimeoutError, httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise ProviderUnavailable(
                f"{_origin_and_path(url)} does not answer: {failure_reason(error)}"
            ) from None
        except (ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
            raise invalid_response(url, error) from None


class SizeLimitedTransport(httpx2.AsyncBaseTransport):
    """A transport that limits the size of responses and stays open when a client that uses it is closed."""

    def __init__(self, rules: NetworkRules) -> None:
        self._rules = rules
        #: By the proxy that they use.
        self._transports: dict[str | None, httpx2.AsyncHTTPTransport] = {}

    async def __aenter__(self) -> "SizeLimitedTransport":
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        """Stay open for the next client."""

    async def close(self) -> None:
        """Close the connections."""
        for transport in self._transports.values():
            await transport.aclose()
        self._transports.clear()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Called by the client."""
        transport = self._transport(self._rules.proxy_for(str(request.url)))
        response = await transport.handle_async_request(request)
        if response.headers.get("content-encoding", "identity") != "identity":
            # A compressed response was not requested, and a few bytes of it could expand to gigabytes.
            await response.aclose()
            raise httpx2.DecodingError("the response is compressed", request=request)
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        return httpx2.Response(
            response.status_code,
            headers=response.headers,
            stream=_SizeLimitedStream(response.stream),
            extensions=response.extensions,
        )

    def _transport(self, proxy: str | None) -> httpx2.AsyncHTTPTransport:
        if proxy not in self._transports:
            self._transports[proxy] = httpx2.AsyncHTTPTransport(
                verify=self._rules.tls_context,
                proxy=proxy,
                trust_env=False,
                limits=_LIMITS,
            )
        return self._transports[proxy]


class _SizeLimitedStream(httpx2.AsyncByteStream):
    def __init__(self, stream: httpx2.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for block in self._stream:
            size += len(block)
            if size > MAX_RESPONSE_BYTES:
                raise httpx2.ReadError("the response is too large")
            yield block

    async def aclose(self) -> None:
        """Close the stream of the response."""
        await self._stream.aclose()


async def _get(client: httpx2.AsyncClient, url: str, headers: dict[str, str]) -> httpx2.Response:
    """Return the response to a GET, after redirects to the same origin: no other may see the headers."""
    at = httpx2.URL(url)
    for _ in range(MAX_REDIRECTS):
        response = await client.get(at, headers=headers)
        target = at.join(response.headers.get("location", ""))
        if not response.has_redirect_location or _origin(target) != _origin(at):
            break
        at = target
    return response


def _named_refusal(response: httpx2.Response) -> httpx2.Response:
    """Return a response of a token endpoint. Raises: OAuthError for status 401 without the error code that it should have."""
    if response.status_code == 401:
        try:
            code = msgspec.json.decode(response.content, type=dict[str, Any]).get("error")
        except (msgspec.MsgspecError, RecursionError):
            code = None
        if not isinstance(code, str):
            raise OAuthError("invalid_client")
    return response


def _kind_of(error: Any) -> type[LoginRejected]:
    """Return the exception for an error code of a token endpoint."""
    if error in _NOT_AUTHENTICATED:
        return ClientNotAuthenticated
    return ClientRejected if error in _ERRORS_OF_CLIENT else LoginRejected


def invalid_response(url: str, error: Exception) -> ProviderUnavailable:
    """Return the error of a response that cannot be decoded."""
    return ProviderUnavailable(
        f"{_origin_and_path(url)} sent a response that is not valid: {type(error).__name__}"
    )


def _origin(url: httpx2.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _origin_and_path(url: str) -> str:
    """Return a URL for messages, without user and query."""
    try:
        parsed = httpx2.URL(url)
        return f"{parsed.scheme}://{parsed.host}{parsed.path}"
    except (httpx2.InvalidURL, TypeError):
        return "a URL that is not valid"
