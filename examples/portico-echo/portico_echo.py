"""An example plugin: a model that repeats the last message, and a route that returns how often."""

from collections.abc import AsyncIterator
from typing import Annotated

import msgspec

from portico.api import InvalidRequest, PluginInfo, Section, hookimpl, setting
from portico.api.models import ModelCard, SourceRequest, SourceResponse, text_response
from portico.api.web import get

PLUGIN = PluginInfo(api_version=1, summary="A model that repeats the last message.")


class Settings(Section):
    times: Annotated[int, setting("How often the model repeats a message", ge=1, le=10)] = 1


class Part(msgspec.Struct):
    """A part of a message. Those that are no text, such as images, have none."""

    text: str = ""


class Message(msgspec.Struct):
    """A message. A call of tools has no content."""

    content: str | list[Part] | None = None

    @property
    def text(self) -> str:
        if isinstance(self.content, list):
            return "\n".join(part.text for part in self.content if part.text)
        return self.content or ""


class Echo:
    name = "echo"

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    async def list_models(self) -> list[ModelCard]:
        return [ModelCard(id="echo", name="Echo", owned_by="echo", public=True)]

    async def complete(self, completion: SourceRequest) -> SourceResponse:
        try:
            messages = msgspec.json.decode(completion.body["messages"], type=list[Message])
        except (KeyError, msgspec.ValidationError) as error:
            raise InvalidRequest("`messages` must be a list of messages.") from error
        text = messages[-1].text if messages else ""

        async def words() -> AsyncIterator[str]:
            for _ in range(self.settings.times):
                yield text

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
