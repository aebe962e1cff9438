"""The workspace's models: presets that stand on a source's model, and overrides that rename one or open it to people.

What sources offer is not kept here; the catalogue asks for these records and lays them over its list.
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
    """How much is kept of what models were."""
    return ModelsSettings


@hookimpl
def register_tables() -> TableSet:
    """Records, their tags, and the number that grows with each change."""
    from portico_models.tables import TABLES

    return TABLES


@hookimpl
def register_retention(settings: ModelsSettings) -> list[Retention]:
    """Versions of models; and that a model was deleted, which every instance has heard of by then."""
    from portico_models.records import CHANGES_DAYS

    gone = "NOT EXISTS (SELECT 1 FROM models_model m WHERE m.id = models_change.model_id)"
    return [
        Retention("models_version", "at", settings.versions_days),
        Retention("models_change", "at", CHANGES_DAYS, where=gone),
    ]


@hookimpl
def register_resources() -> list[ResourceKind]:
    """Models and templates, as policies speak of them."""
    from portico_models import records
    from portico_models.templates import service as template_service

    return [
        ResourceKind(
            records.KIND, "models_model", records.ACTIONS, collection_actions=records.GENERAL
        ),
        ResourceKind(
            template_service.KIND,
            "models_template",
            template_service.ACTIONS,
            collection_actions=template_service.GENERAL,
        ),
    ]


@hookimpl
def register_policies() -> list[PackagedPolicy]:
    """The pages on models and on templates."""
    return [PackagedPolicy("portico_policies", f"{page}.csv") for page in ("models", "templates")]


@hookimpl
def register_services(app: AppContext, settings: Section) -> list[Service]:
    """The records, for the catalogue by their protocol and for this plugin's own parts by their class; templates."""
    from portico_models.records import ModelRecords
    from portico_models.settings import ModelsSettings
    from portico_models.templates.service import Templates

    assert isinstance(settings, ModelsSettings)
    records = ModelRecords(app, settings.versions_kept)
    return [
        Service(WorkspaceModels, records),
        Service(ModelRecords, records),
        Service(Templates, Templates(app)),
    ]


@hookimpl
def register_listeners(app: AppContext) -> list[Listener]:
    """What becomes of the models and templates of somebody who leaves, and of what was shared with them."""
    from portico_models.service import Models
    from portico_models.templates.service import Templates

    models = Models(app)
    return [
        Listener(AccountDeleting, models.account_leaving),
        Listener(GroupDeleting, models.group_leaving),
        Listener(
            AccountDeleting, lambda event: app.services.require(Templates).account_leaving(event)
        ),
    ]


@hookimpl
def register_routes(app: AppContext) -> list[object]:
    """Everything below `/api/v1/models`, and the model list."""
    from portico_models import image_routes, record_routes, routes, version_routes
    from portico_models.service import Models
    from portico_models.templates import routes as template_routes
    from portico_models.templates.apply import TemplateApplier
    from portico_models.transfer import routes as transfer_routes
    from portico_models.version_service import ModelHistory
    from portico_models.views import ModelViews

    models, looking = Models(app), ModelViews(app)
    return [
        *routes.routes(app, models, looking),
        *record_routes.routes(models, looking),
        *image_routes.routes(app),
        *version_routes.routes(ModelHistory(app, models)),
        *template_routes.routes(app, TemplateApplier(app, models)),
        *transfer_routes.routes(app),
    ]


@hookimpl
def register_commands(cli: click.Group) -> None:
    """Add `portico models …`."""
    from portico_models.commands import models

    cli.add_command(models)
