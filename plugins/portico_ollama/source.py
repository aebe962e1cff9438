"""One Ollama server as a model source."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from portico.api import SourceFailed
from portico.api.connections import ConnectedSource
from portico.api.models import ModelCard, SourceRequest, SourceResponse
from portico_ollama.connection import OllamaConnection
from portico_ollama.model_list import ServerModel, card, epoch_seconds, offered
from portico_ollama.settings import OllamaSettings

if TYPE_CHECKING:
    from portico.api.sources import OutgoingHTTP
    from portico_ollama.server_client import ServerClient

#: Seconds by which the time until which a model stays loaded may be behind: it moves with every request, and each new one
#: would make a new list of models.
EXPIRY_STEP_SECONDS = 60


class OllamaSource(ConnectedSource[OllamaConnection]):
    """A `ModelSource`. `holders(id)`: the numbers of all connections that offer a model, for clients.

    `model_ids`: ids of the models of the last list. `forward_user_info`: tell the server who calls a model.
    """

    operations = frozenset({"chat", "embeddings"})

    def __init__(
        self,
        connection: OllamaConnection,
        settings: OllamaSettings,
        http: "OutgoingHTTP",
        holders: Callable[[str], Sequence[int]],
        *,
        forward_user_info: bool = False,
    ) -> None:
        super().__init__(connection)
        self.model_ids: frozenset[str] = frozenset()
        self._settings = settings
        self._http = http
        self._holders = holders
        self._forward_user_info = forward_user_info
        self._expiries: Mapping[str, int] = {}

    @cached_property
    def client(self) -> "ServerClient":
        """The client, built with the first request: most commands send none, and need not import it."""
        from portico_ollama.server_client import ServerClient

        return ServerClient(
            self.connection,
            self._settings,
            self._http,
            forward_user_info=self._forward_user_info,
        )

    async def list_models(self) -> Sequence[ModelCard]:
        """Return the server's models. None if no address was set and there is no server at the usual one."""
        if self.connection.is_assumed and not await self.client.is_reachable():
            self.model_ids = frozenset()
            return []
        listed, loaded = await asyncio.gather(self.client.list_models(), self._loaded())
        models = offered(self.connection, listed)
        self.model_ids = frozenset(
            self.connection.options.public_id(model.name) for model in models
        )
        self._expiries = _expiries(loaded, self._expiries)
        return [self._card(model) for model in models]

    async def complete(self, request: SourceRequest) -> SourceResponse:
        """Answer one request: a chat completion, or one for embeddings."""
        name = self.connection.options.provider_id(request.model)
        if request.operation == "embeddings":
            return await self.client.embed(request, name)
        return await self.client.chat(request, name)

    def _card(self, model: ServerModel) -> ModelCard:
        urls = self._holders(self.connection.options.public_id(model.name))
        return card(self.connection, model, urls, self._expiries.get(model.name))

    async def _loaded(self) -> Sequence[ServerModel]:
        try:
            return await self.client.loaded_models()
        except SourceFailed:  # older servers do not say
            return []


def _expiries(loaded: Iterable[ServerModel], before: Mapping[str, int]) -> dict[str, int]:
    """Return until when models stay loaded, in epoch seconds, by name. A time that moved a little stays as it was."""
    found: dict[str, int] = {}
    for model in loaded:
        expiry = epoch_seconds(model.fields.get("expires_at"))
        if expiry is not None:
            known = before.get(model.name, 0)
            found[model.name] = known if 0 <= expiry - known < EXPIRY_STEP_SECONDS else expiry
    return found
