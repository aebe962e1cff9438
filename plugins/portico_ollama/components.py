"""The objects of this plugin, built once per application."""

import msgspec

from portico.api import AppContext
from portico.api.auth import Actor
from portico.api.json import RawFields
from portico.api.models import SourceResponse
from portico_ollama.calls import OllamaCalls
from portico_ollama.connection_config import OllamaConnectionConfig
from portico_ollama.management import ModelManagement
from portico_ollama.model_lookup import ModelLookup
from portico_ollama.model_upload import ModelUpload
from portico_ollama.server_versions import ServerVersions
from portico_ollama.servers import OllamaServers
from portico_ollama.settings import OllamaSettings

#: Keys of `/api/show` with what the author of a model wrote for it.
CONFIDENTIAL_KEYS = frozenset({"modelfile", "system", "messages"})


class OllamaPlugin:
    """The servers, and what clients can do with them."""

    def __init__(self, app: AppContext, settings: OllamaSettings) -> None:
        self._app = app
        self.servers = OllamaServers(app, settings)
        self.models = ModelLookup(app, self.servers)
        self.calls = OllamaCalls(app, self.models)
        self.management = ModelManagement(app, self.models)
        self.files = ModelUpload(app, self.models)
        self.config = OllamaConnectionConfig(app, self.servers)
        self._versions = ServerVersions()

    async def version(self, index: int | None) -> str | None:
        """Return the lowest version of all servers, or that of one; None if servers are switched off, or not set.

        Raises: NotFound for a number without a connection; SourceFailed if no server answers.
        """
        await self.servers.current_sources()
        if not self.servers.is_enabled:
            return None
        sources = self.servers.sources if index is None else [await self.models.source(index)]
        return await self._versions.lowest(sources)

    async def show(self, name: str, actor: Actor, index: int | None) -> SourceResponse:
        """Return what a server knows of a model that the actor may use.

        Raises: NotFound for a model that the actor may not use; OllamaDisabled; SourceFailed.
        """
        target = await self.models.find(name, actor, index)
        [source, *_] = await self.models.holders(target.model, index)
        form = {"model": source.connection.options.provider_id(target.model)}
        response = await source.client.call("POST", "/api/show", msgspec.json.encode(form))
        if response.status >= 400 or await self._may_inspect(actor):
            return response
        try:
            shown: RawFields = msgspec.json.decode(response.body, type=RawFields)  # type: ignore[arg-type]
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise source.client.requests.errors.invalid_response("a model is not shown") from None
        told = {key: value for key, value in shown.items() if key not in CONFIDENTIAL_KEYS}
        return SourceResponse(body=msgspec.json.encode(told))

    async def _may_inspect(self, actor: Actor) -> bool:
        return await self._app.permissions.allows_on_collection(actor, "ollama_server", "inspect")
