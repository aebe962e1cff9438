"""One OpenAI-compatible provider as a model source."""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from portico.api.models import ModelCard, SourceRequest, SourceResponse
from portico_openai.model_list import cards, fixed_listing
from portico_openai.settings import OpenAIConnection, OpenAISettings

if TYPE_CHECKING:
    from portico.api.sources import OutgoingHTTP
    from portico_openai.provider_client import ProviderClient


class OpenAISource:
    """A `ModelSource`."""

    def __init__(
        self,
        connection: OpenAIConnection,
        settings: OpenAISettings,
        http: "OutgoingHTTP",
    ) -> None:
        self.name = connection.name
        self._connection = connection
        self._settings = settings
        self._http = http

    @cached_property
    def _client(self) -> "ProviderClient":
        """The client, built with the first request: most commands send none, and need not import it."""
        from portico_openai.provider_client import ProviderClient

        return ProviderClient(self._connection, self._settings, self._http)

    async def list_models(self) -> Sequence[ModelCard]:
        """Return the current models, or those that the settings name, without a request."""
        if self._connection.options.model_ids:
            return cards(self._connection, fixed_listing(self._connection.options.model_ids))
        return await self._client.list_models()

    async def complete(self, completion: SourceRequest) -> SourceResponse:
        """Answer one request. Returns after the first bytes, so that most errors have a status code."""
        return await self._client.complete(completion)
