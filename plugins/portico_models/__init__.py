"""Models of the workspace: presets based on another model, and overrides that change a source's model.

Models of sources are not stored here. The catalogue reads these records and merges them into its list.
"""

from typing import TYPE_CHECKING

import click

from portico.api import AppContext, Listener, PluginInfo, Section, Service, hookimpl
from portico.api.auth import AccountDeleting, GroupDeleting
from portico.api.cli import renamed_command
from portico.api.db import Retention, TableSet
from portico.api.models import WorkspaceModels
from portico.api.policy import PackagedPolicy, ResourceKind
from portico.api.sockets import SocketEvent
from portico_models.settings import ModelsSettings

if TYPE_CHECKING:
    from portico.api.transfer import TransferKind
    from portico_models.components import ModelsPlugin

PLUGIN = PluginInfo(
    api_version=1,
    summary="Models of the workspace: create, list, change, share, delete.",
    route_prefixes=("/api/v1/models", "/api/models", "/api/usage"),
    socket_prefixes=("usage",),
)


@hookimpl
def register_settings() -> type[Section]:
    """Return the settings of versions."""
    return ModelsSettings


@hookimpl
def register_tables() -> TableSet:
    """Return the tables of models, tags, versions, templates and change numbers."""
    from portico_models.tables import TABLES

    return TABLES


@hookimpl
def register_retention(settings: ModelsSettings) -> list[Retention]:
    """Return how long versions, and the change numbers of deleted models, are stored."""
    from portico_models.records.change_log import CHANGE_RETENTION_DAYS

    model_is_deleted = (
        "NOT EXISTS (SELECT 1 FROM models_model m WHERE m.id = models_change.model_id)"
    )
    return [
        Retention("models_version", "at", settings.versions_days),
        Retention("models_change", "at", CHANGE_RETENTION_DAYS, where=model_is_deleted),
    ]


@hookimpl
def register_resources() -> list[ResourceKind]:
    """Return the resource kinds `model` and `template`."""
    from portico_models.records import resource_kind
    from portico_models.templates import service as template_service

    return [
        resource_kind.MODELS,
        ResourceKind(
            template_service.KIND,
            "models_template",
            template_service.ITEM_ACTIONS,
            collection_actions=template_service.COLLECTION_ACTIONS,
        ),
    ]


@hookimpl
def register_policies() -> list[PackagedPolicy]:
    """Return the policy files of models and templates."""
    return [PackagedPolicy("portico_policies", f"{name}.csv") for name in ("models", "templates")]


@hookimpl
def register_components(app: AppContext, settings: ModelsSettings) -> object:
    """Build the objects that the hooks below, routes and commands share."""
    from portico_models.components import ModelsPlugin

    return ModelsPlugin.build(app, settings)


@hookimpl
def register_services(plugin: "ModelsPlugin") -> list[Service]:
    """Return the records, from which the catalogue reads presets and overrides."""
    return [Service(WorkspaceModels, plugin.reader)]


@hookimpl
def register_listeners(plugin: "ModelsPlugin") -> list[Listener]:
    """Return the listeners that transfer or delete models and templates, and record lost access."""
    return [
        Listener(AccountDeleting, plugin.models.on_account_deleting),
        Listener(GroupDeleting, plugin.models.on_group_deleting),
        Listener(AccountDeleting, plugin.templates.on_account_deleting),
    ]


@hookimpl
def register_transfer_kinds(app: AppContext, plugin: "ModelsPlugin") -> "list[TransferKind]":
    """Return the models of exports and imports."""
    from portico_models.transfer.model_transfer import ModelTransfer

    return [ModelTransfer(app, plugin.writer)]


@hookimpl
def register_routes() -> list[object]:
    """Return the handlers below `/api/v1/models`, the model list and the models in use."""
    from portico_models.routes import ModelListRoutes, ModelRoutes
    from portico_models.template_routes import TemplateRoutes
    from portico_models.transfer_routes import TransferRoutes
    from portico_models.usage.routes import UsagePoolRoutes
    from portico_models.version_routes import VersionRoutes

    return [
        ModelListRoutes,
        ModelRoutes,
        VersionRoutes,
        TemplateRoutes,
        TransferRoutes,
        UsagePoolRoutes,
    ]


@hookimpl
def register_socket_events(plugin: "ModelsPlugin") -> list[SocketEvent]:
    """Return the event by which clients report the model that they wait for."""
    from portico_models.usage.pool import PoolReport

    return [SocketEvent("usage", PoolReport, plugin.usage.report)]


@hookimpl
def register_commands(cli: click.Group) -> None:
    """Add `portico model`."""
    from portico_models.commands import model

    cli.add_command(model)
    cli.add_command(renamed_command("models", "portico model"))
