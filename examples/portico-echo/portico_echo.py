"""An example plugin: a model that repeats the last message, and a route that returns how often."""

from collections.abc import AsyncIterator
from typing import Annotated

import msgspec

from portico.api import PluginInfo, Section, hookimpl, setting
from portico.api.models import ModelCard, SourceRequest, SourceResponse, text_response
from portico.api.web import get

PLUGIN = PluginInfo(api_version=1, summary="A model that repeats the last message.")


class Settings(Section):
    times: Annotated[int, setting("How often the model repeats a message", ge=1, le=10)] = 1


class Message(msgspec.Struct):
    content: str


class Echo:
    name = "echo"

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    async def list_models(self) -> list[ModelCard]:
        return [ModelCard(id="echo", name="Echo", owned_by="echo", public=True)]

    async def complete(self, completion: SourceRequest) -> SourceResponse:
        messages = msgspec.json.decode(completion.body["messages"], type=list[Message])

        async def words() -> AsyncIterator[str]:
            for _ in range(self.settings.times):
                yield messages[-1].content

        return await text_response(completion, words())


@hookimpl
def register_settings() -> type[Settings]:
    return Settings


@hookimpl
def register_model_sources(settings: Settings) -> list[Echo]:
    return [Echo(settings)]


@hookimpl
def register_routes(settings: Settings) -> list[object]:
    @get("/api/x/echo/times")
    async def times() -> int:
        """Return how often the model repeats a message."""
        return settings.times

    return [times]
