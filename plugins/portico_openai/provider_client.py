"""Requests to one OpenAI-compatible provider: its models, and answers whose bytes pass through."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from portico.api.connections import list_limits, request_limits
from portico.api.models import ModelCard, Operation, SourceRequest, SourceResponse
from portico.api.sources import ANSWER_FORMATS, OutgoingHTTP, SourceClient
from portico_openai.caller_headers import CallerHeaders
from portico_openai.connection import OpenAIConnection
from portico_openai.endpoints import auth_headers, endpoint_path, list_path
from portico_openai.model_list import cards, read_listing
from portico_openai.operation_body import encode_operation
from portico_openai.request_body import encode
from portico_openai.settings import OpenAISettings
from portico_openai.stream_usage import asks_for_usage, with_usage


class ProviderClient:
    """Sends requests to one provider."""

    def __init__(
        self,
        connection: OpenAIConnection,
        settings: OpenAISettings,
        http: OutgoingHTTP,
        caller_headers: CallerHeaders | None = None,
    ) -> None:
        self._connection = connection
        self._caller_headers = caller_headers
        options = connection.options
        self._includes_usage = connection.includes_usage
        self._is_openai = connection.is_openai or options.azure
        self._azure_version = connection.azure_version
        own_headers = options.plain_headers
        server_headers = caller_headers.of_server(connection) if caller_headers else {}
        # Those of the connection override all others.
        self._own_headers = {**server_headers, **own_headers}
        self._headers: dict[Operation | None, Mapping[str, str]] = {}
        self._list_limits = list_limits(options, settings)
        self.requests = SourceClient(
            connection.name,
            connection.url,
            http,
            secrets=[connection.key.reveal(), *own_headers.values()],
            limits=request_limits(options, settings),
            verify_tls=settings.verify_tls,
        )

    async def list_models(self) -> Sequence[ModelCard]:
        """Return the current models."""
        return cards(self._connection, await self.listing())

    async def listing(self) -> Sequence[dict[str, Any]]:
        """Return the models as the provider lists them. Raises: SourceFailed, SourceTimedOut."""
        path, headers = list_path(self._connection), await self.plain_headers()
        body = await self.requests.fetch("GET", path, headers=headers, limits=self._list_limits)
        try:
            return read_listing(body)
        except ValueError:
            raise self.requests.errors.invalid_response(
                "the list of models cannot be read"
            ) from None

    async def complete(self, request: SourceRequest) -> SourceResponse:
        """Answer one request. Returns after the first bytes, so that most errors have a status code."""
        model = self._connection.options.provider_id(request.model)
        hides_usage = False
        if request.operation == "chat":
            if self._includes_usage and not asks_for_usage(request):
                request, hides_usage = with_usage(request), True
            body = encode(
                request,
                model,
                is_openai=self._is_openai,
                azure_version=self._azure_version,
            )
        else:
            body = encode_operation(request, model)
        headers = self.headers(request.operation)
        if self._caller_headers is not None:
            own = await self._caller_headers.of_request(self._connection, request)
            headers = {**headers, **own} if own else headers
        response = await self.requests.answer(
            endpoint_path(self._connection, request.operation, model),
            body,
            stream=request.stream,
            answer_format=ANSWER_FORMATS[request.operation],
            headers=headers,
        )
        return msgspec.structs.replace(response, hides_usage=True) if hides_usage else response

    async def plain_headers(self) -> Mapping[str, str]:
        """Return the headers of requests that concern no user. Raises: SourceFailed."""
        own = (
            await self._caller_headers.of_connection(self._connection)
            if self._caller_headers
            else {}
        )
        return {**self.headers(None), **own}

    def headers(self, operation: Operation | None) -> Mapping[str, str]:
        """Return the headers of requests to an endpoint; None = the list of models, and all other paths."""
        if operation not in self._headers:
            auth = auth_headers(self._connection, operation)
            self._headers[operation] = {**auth, **self._own_headers}
        return self._headers[operation]
