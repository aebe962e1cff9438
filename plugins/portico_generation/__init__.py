"""Generation: titles, tags, follow-up questions, search queries and more, written by a model.

Implements `/api/v1/tasks/config` and the routes `/api/v1/tasks/…/completions`, and gives a chat its title and tags after
a reply.
"""

from typing import TYPE_CHECKING

from portico.api import AppContext, Listener, PluginInfo, Section, hookimpl
from portico.api.interfaces import ReplyFinishing

if TYPE_CHECKING:
    from portico.api.tasks import TaskType
    from portico_generation.components import GenerationPlugin

PLUGIN = PluginInfo(
    api_version=1,
    summary="Titles, tags, follow-up questions and search queries, written by a model.",
    route_prefixes=(
        "/api/v1/tasks/config",
        "/api/v1/tasks/title",
        "/api/v1/tasks/tags",
        "/api/v1/tasks/follow_up",
        "/api/v1/tasks/queries",
        "/api/v1/tasks/auto",
        "/api/v1/tasks/emoji",
        "/api/v1/tasks/image_prompt",
        "/api/v1/tasks/moa",
    ),
)


@hookimpl
def register_settings() -> type[Section]:
    """Return the settings: models, switches and prompts. Administrators change them while the server runs."""
    from portico_generation.settings import GenerationSettings

    return GenerationSettings


@hookimpl
def register_components(app: AppContext) -> object:
    """Return what generates, and the form of its settings."""
    from portico_generation.components import GenerationPlugin

    return GenerationPlugin(app)


@hookimpl
def register_routes() -> list[object]:
    """Return the routes below `/api/v1/tasks`."""
    from portico_generation.routes import GenerationConfigRoutes, GenerationRoutes

    return [GenerationConfigRoutes, GenerationRoutes]


@hookimpl
def register_listeners(plugin: "GenerationPlugin") -> list[Listener]:
    """Return the listener that has titles, tags and follow-up questions generated after a reply."""
    return [Listener(ReplyFinishing, plugin.on_reply_finishing)]


@hookimpl
def register_tasks(plugin: "GenerationPlugin") -> "list[TaskType]":
    """Return the types of the tasks after a reply."""
    return plugin.after_reply.types()


@hookimpl
async def shutdown(plugin: "GenerationPlugin") -> None:
    """Stop what is generated for chats that are not stored. Tasks are stopped by their runner."""
    await plugin.temporary_chats.stop()
