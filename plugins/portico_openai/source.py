"""One OpenAI-compatible provider as a model source."""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from portico.api.connections import ConnectedSource
from portico.api.models import ModelCard, SourceRequest, SourceResponse
from portico_openai.connection import OpenAIConnection
from portico_openai.model_list import cards, fixed_listing
from portico_openai.settings import OpenAISettings

if TYPE_CHECKING:
    from portico.api.sources import OutgoingHTTP
    from portico_openai.caller_headers import CallerHeaders
    from portico_openai.provider_client import ProviderClient


class OpenAISource(ConnectedSource[OpenAIConnection]):
    """A `ModelSource`.

    `operations`: the endpoints that the provider has. `settings`: what holds for all connections.
    """

    def __init__(
        self,
        connection: OpenAIConnection,
        settings: OpenAISettings,
        http: "OutgoingHTTP",
        caller_headers: "CallerHeaders | None" = None,
    ) -> None:
        super().__init__(connection)
        self.operations = connection.operations
        self._settings = settings
        self._http = http
        self._caller_headers = caller_headers

    @cached_property
    def client(self) -> "ProviderClient":
        """The client, built with the first request: most commands send none, and need not import it."""
        from portico_openai.provider_client import ProviderClient

        return ProviderClient(self.connection, self._settings, self._http, self._caller_headers)

    async def list_models(self) -> Sequence[ModelCard]:
        """Return the current models, or those that the settings name, without a request."""
        if self.connection.options.model_ids:
            return cards(self.connection, fixed_listing(self.connection.options.model_ids))
        return await self.client.list_models()

    async def complete(self, completion: SourceRequest) -> SourceResponse:
        """Answer one request. Returns after the first bytes, so that most errors have a status code."""
        return await self.client.complete(completion)
