"""The workspace's models: presets that stand on a source's model, and overrides that rename one or open it to people.

What sources offer is not kept here; the catalogue asks for these records and lays them over its list.
"""

from portico.api import (
    AccountLeaving,
    House,
    Listener,
    PluginInfo,
    PolicyFile,
    ResourceKind,
    Section,
    Service,
    TableSet,
    WorkspaceModels,
    hookimpl,
)

PLUGIN = PluginInfo(
    api=1,
    summary="Models of the workspace: create, list, change, share, delete.",
    claims=("/api/v1/models", "/api/models"),
)


@hookimpl
def register_settings() -> type[Section]:
    """How much is kept of what models were."""
    from portico_models.settings import Settings

    return Settings


@hookimpl
def register_tables() -> TableSet:
    """Records, their tags, and the number that grows with each change."""
    from portico_models.tables import TABLES

    return TABLES


@hookimpl
def register_resources() -> list[ResourceKind]:
    """Models, as policies speak of them."""
    from portico_models.records import ACTIONS, GENERAL, KIND

    return [ResourceKind(KIND, "models_model", ACTIONS, general=GENERAL)]


@hookimpl
def register_policies() -> list[PolicyFile]:
    """The page on models."""
    return [PolicyFile("portico_policies", "models.csv")]


@hookimpl
def register_services(app: House, settings: Section) -> list[Service]:
    """The records, for the catalogue by their protocol and for this plugin's own parts by their class."""
    from portico_models.records import ModelRecords
    from portico_models.settings import Settings

    assert isinstance(settings, Settings)
    records = ModelRecords(app, settings.versions_kept)
    return [Service(WorkspaceModels, records), Service(ModelRecords, records)]


@hookimpl
def register_listeners(app: House) -> list[Listener]:
    """What becomes of the models of somebody who is gone."""
    from portico_models.service import Models

    return [Listener(AccountLeaving, Models(app).account_leaving)]


@hookimpl
def register_routes(app: House) -> list[object]:
    """Everything below `/api/v1/models`, and the model list."""
    from portico_models import record_routes, routes
    from portico_models.service import Models

    models = Models(app)
    return [*routes.routes(app, models), *record_routes.routes(models)]
