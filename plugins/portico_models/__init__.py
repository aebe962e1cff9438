"""The workspace's models: presets that stand on a source's model, and overrides that rename one or open it to people.

What sources offer is not kept here; the catalogue asks for these records and lays them over its list.
"""

import click

from portico.api import (
    AccountLeaving,
    GroupLeaving,
    House,
    Listener,
    PluginInfo,
    PolicyFile,
    ResourceKind,
    Retention,
    Section,
    Service,
    TableSet,
    WorkspaceModels,
    hookimpl,
)
from portico_models.settings import Settings

PLUGIN = PluginInfo(
    api=1,
    summary="Models of the workspace: create, list, change, share, delete.",
    claims=("/api/v1/models", "/api/models"),
)


@hookimpl
def register_settings() -> type[Section]:
    """How much is kept of what models were."""
    return Settings


@hookimpl
def register_tables() -> TableSet:
    """Records, their tags, and the number that grows with each change."""
    from portico_models.tables import TABLES

    return TABLES


@hookimpl
def register_retention(settings: Settings) -> list[Retention]:
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
    from portico_models import records, templates

    return [
        ResourceKind(records.KIND, "models_model", records.ACTIONS, general=records.GENERAL),
        ResourceKind(
            templates.KIND, "models_template", templates.ACTIONS, general=templates.GENERAL
        ),
    ]


@hookimpl
def register_policies() -> list[PolicyFile]:
    """The pages on models and on templates."""
    return [PolicyFile("portico_policies", f"{page}.csv") for page in ("models", "templates")]


@hookimpl
def register_services(app: House, settings: Section) -> list[Service]:
    """The records, for the catalogue by their protocol and for this plugin's own parts by their class; templates."""
    from portico_models.records import ModelRecords
    from portico_models.settings import Settings
    from portico_models.templates import Templates

    assert isinstance(settings, Settings)
    records = ModelRecords(app, settings.versions_kept)
    return [
        Service(WorkspaceModels, records),
        Service(ModelRecords, records),
        Service(Templates, Templates(app)),
    ]


@hookimpl
def register_listeners(app: House) -> list[Listener]:
    """What becomes of the models and templates of somebody who leaves, and of what was shared with them."""
    from portico_models.service import Models
    from portico_models.templates import Templates

    models = Models(app)
    return [
        Listener(AccountLeaving, models.account_leaving),
        Listener(GroupLeaving, models.group_leaving),
        Listener(AccountLeaving, lambda event: app.services.need(Templates).account_leaving(event)),
    ]


@hookimpl
def register_routes(app: House) -> list[object]:
    """Everything below `/api/v1/models`, and the model list."""
    from portico_models import (
        pictures,
        record_routes,
        routes,
        template_routes,
        transfer_routes,
        version_routes,
    )
    from portico_models.applying import Applying
    from portico_models.looking import Looking
    from portico_models.service import Models
    from portico_models.versions import Versions

    models, looking = Models(app), Looking(app)
    return [
        *routes.routes(app, models, looking),
        *record_routes.routes(models, looking),
        *pictures.routes(app),
        *version_routes.routes(Versions(app, models)),
        *template_routes.routes(app, Applying(app, models)),
        *transfer_routes.routes(app),
    ]


@hookimpl
def register_commands(cli: click.Group) -> None:
    """Add `portico models …`."""
    from portico_models.commands import models

    cli.add_command(models)
