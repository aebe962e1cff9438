"""Memories: short texts about an account that its models are told, if its client asks for it."""

from typing import TYPE_CHECKING

from portico.api import AppContext, PluginInfo, Section, hookimpl
from portico.api.db import TableSet
from portico.api.models import ModelFilter
from portico.api.policy import PackagedPolicy, ResourceKind

if TYPE_CHECKING:
    from portico.api.transfer import TransferKind
    from portico_memories.service import MemoryService
    from portico_memories.settings import MemoriesSettings

PLUGIN = PluginInfo(
    api_version=1,
    summary="Memories: what an account wants its models to know in every chat.",
    route_prefixes=("/api/v1/memories",),
)


@hookimpl
def register_settings() -> type[Section]:
    """Return the settings: limits."""
    from portico_memories.settings import MemoriesSettings

    return MemoriesSettings


@hookimpl
def register_tables() -> TableSet:
    """Return the table of memories."""
    from portico_memories.tables import TABLES

    return TABLES


@hookimpl
def register_resources() -> list[ResourceKind]:
    """Return the resource kind `memory` with its actions. Memories cannot be shared."""
    from portico_memories.service import MEMORIES

    return [MEMORIES]


@hookimpl
def register_policies() -> list[PackagedPolicy]:
    """Return the packaged policy file about memories."""
    return [PackagedPolicy("portico_policies", "memories.csv")]


@hookimpl
def register_components(app: AppContext, settings: "MemoriesSettings") -> object:
    """Return the service of this plugin."""
    from portico_memories.service import MemoryService

    return MemoryService(app, settings)


@hookimpl
def register_model_filters(
    app: AppContext, settings: "MemoriesSettings", plugin: "MemoryService"
) -> list[ModelFilter]:
    """Return the filter that adds the memories of an account to a conversation that asks for them."""
    from portico_memories.memory_filter import MemoryFilter

    return [MemoryFilter(app, settings, plugin).model_filter()]


@hookimpl
def register_transfer_kinds() -> "list[TransferKind]":
    """Return the memories of exports and imports."""
    from portico_memories.transfer import MemoryTransfer

    return [MemoryTransfer()]


@hookimpl
def register_routes() -> list[object]:
    """Return the route handlers below `/api/v1/memories`."""
    from portico_memories.routes import MemoryRoutes

    return [MemoryRoutes]
