"""Requests to one OpenAI-compatible provider: its models, and completions whose bytes pass through."""

from collections.abc import Sequence

import msgspec

from portico.api.models import ModelCard, SourceRequest, SourceResponse
from portico.api.sources import OutgoingHTTP, RequestLimits, SourceClient
from portico_openai.caller_headers import CallerHeaders
from portico_openai.connection import OpenAIConnection
from portico_openai.model_list import cards, provider_model_id, read_listing
from portico_openai.request_body import encode
from portico_openai.settings import OpenAISettings


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
        headers = {
            name: value.reveal() for name, value in (connection.options.headers or {}).items()
        }
        if connection.key and connection.options.auth_type != "none":
            headers["Authorization"] = f"Bearer {connection.key.reveal()}"
        options = connection.options
        limits = RequestLimits(
            options.connect_timeout or settings.connect_timeout,
            options.first_byte_timeout or settings.first_byte_timeout,
            options.idle_timeout or settings.idle_timeout,
            options.timeout or settings.timeout,
        )
        self._list_limits = limits._replace(total=options.list_timeout or settings.list_timeout)
        self._client = SourceClient(
            connection.name,
            connection.url,
            http,
            headers=headers,
            secrets=[connection.key.reveal()],
            limits=limits,
            verify_tls=settings.verify_tls,
        )

    async def list_models(self) -> Sequence[ModelCard]:
        """Return the current models."""
        body = await self._client.fetch("GET", "/models", limits=self._list_limits)
        try:
            return cards(self._connection, read_listing(body))
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise self._client.errors.invalid_response(
                "the list of models cannot be read"
            ) from None

    async def complete(self, completion: SourceRequest) -> SourceResponse:
        """Answer one request. Returns after the first bytes, so that most errors have a status code."""
        model = provider_model_id(self._connection, completion.model)
        body = encode(completion, model, is_openai=self._connection.is_openai)
        return await self._client.answer("/chat/completions", body, stream=completion.stream)
