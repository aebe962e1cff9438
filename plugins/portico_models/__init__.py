"""Models of the workspace: presets based on another model, and overrides that change a source's model.

Models of sources are not stored here. The catalogue reads these records and merges them into its list.
"""

import click

from portico.api import (
    AccountDeleting,
    AppContext,
    GroupDeleting,
    Listener,
    PackagedPolicy,
    PluginInfo,
    ResourceKind,
    Retention,
    Section,
    Service,
    TableSet,
    WorkspaceModels,
    hookimpl,
)
from portico_models.settings import ModelsSettings

PLUGIN = PluginInfo(
    api_version=1,
    summary="Models of the workspace: create, list, change, share, delete.",
    route_prefixes=("/api/v1/models", "/api/models"),
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
    from portico_models.records import CHANGE_RETENTION_DAYS

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
    from portico_models import records
    from portico_models.templates import service as template_service

    return [
        ResourceKind(
            records.KIND,
            "models_model",
            records.ITEM_ACTIONS,
            collection_actions=records.COLLECTION_ACTIONS,
        ),
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
def register_services(app: AppContext, settings: Section) -> list[Service]:
    """Return the records, for the catalogue (by protocol) and for this plugin, and the template service."""
    from portico_models.records import ModelRecords
    from portico_models.settings import ModelsSettings
    from portico_models.templates.service import TemplateService

    assert isinstance(settings, ModelsSettings)
    records = ModelRecords(app, settings.versions_kept)
    return [
        Service(WorkspaceModels, records),
        Service(ModelRecords, records),
        Service(TemplateService, TemplateService(app)),
    ]


@hookimpl
def register_listeners(app: AppContext) -> list[Listener]:
    """Return the listeners that transfer or delete models and templates, and record lost access."""
    from portico_models.service import Models
    from portico_models.templates.service import TemplateService

    models = Models(app)
    return [
        Listener(AccountDeleting, models.on_account_deleting),
        Listener(GroupDeleting, models.on_group_deleting),
        Listener(
            AccountDeleting,
            lambda event: app.services.require(TemplateService).on_account_deleting(event),
        ),
    ]


@hookimpl
def register_routes(app: AppContext) -> list[object]:
    """Return the handlers below `/api/v1/models`, and the model list."""
    from portico_models import image_routes, routes
    from portico_models.history import routes as history_routes
    from portico_models.history.service import ModelHistory
    from portico_models.service import Models
    from portico_models.templates import routes as template_routes
    from portico_models.templates.apply import TemplateApplier
    from portico_models.transfer import routes as transfer_routes
    from portico_models.views import ModelViews

    models, views = Models(app), ModelViews(app)
    applier = TemplateApplier(app, models)
    return [
        *routes.list_routes(app, models, views),
        *routes.record_routes(models, views, applier),
        *image_routes.routes(app),
        *history_routes.routes(ModelHistory(app, models)),
        *template_routes.routes(app, applier),
        *transfer_routes.routes(app),
    ]


@hookimpl
def register_commands(cli: click.Group) -> None:
    """Add `portico model`."""
    from portico_models.commands import former_models, model

    cli.add_command(model)
    cli.add_command(former_models)
