"""The tables of models, for Piccolo queries. The migrations create them."""

from piccolo.columns import BigInt, Boolean, Text
from piccolo.table import Table

from portico.api.db import Reference, TableSet


class ModelTable(Table, tablename="models_model"):
    """Presets and overrides. `meta` and `params` contain JSON."""

    id = Text(primary_key=True, default="")
    normalized_id = Text(unique=True)
    user_id = Text()
    base_model_id = Text(null=True, default=None)
    name = Text()
    search_text = Text()
    is_active = Boolean(default=True)
    updated_at = BigInt()
    created_at = BigInt()
    meta = Text()
    params = Text()


class ModelTagTable(Table, tablename="models_tag"):
    """Tags of models. The primary key is the pair; Piccolo supports single columns only, so it is the model here."""

    model_id = Text(primary_key=True, default="")
    name = Text()
    label = Text(default="")


class ChangedAtRevisionTable(Table, tablename="models_change"):
    """The revision of the last change of each model."""

    model_id = Text(primary_key=True, default="")
    revision = BigInt()
    at = BigInt(default=0)


class RevisionTable(Table, tablename="models_revision"):
    """One row with the number of changes so far."""

    id = BigInt(primary_key=True)
    number = BigInt()


class VersionTable(Table, tablename="models_version"):
    """Models as they were before each change. The key is model and number; `document` contains JSON."""

    model_id = Text(primary_key=True, default="")
    number = BigInt()
    at = BigInt()
    author = Text()
    change = Text()
    owner_id = Text()
    document = Text(null=True, default=None)


class TemplateTable(Table, tablename="models_template"):
    """Templates for models. `params`, `meta` and `access_control` contain JSON."""

    id = Text(primary_key=True, default="")
    name = Text(unique=True)
    normalized_name = Text(unique=True)
    description = Text()
    params = Text()
    meta = Text()
    access_control = Text(null=True, default=None)
    user_id = Text()
    created_at = BigInt()
    updated_at = BigInt()


TABLES = TableSet(
    tables=(
        ModelTable,
        ModelTagTable,
        ChangedAtRevisionTable,
        RevisionTable,
        VersionTable,
        TemplateTable,
    ),
    migrations="portico_models.migrations",
    revisions=(("models_revision", "number"),),
    references=(
        Reference("models_model", "user_id", "portico_account", repair="reassign"),
        Reference("models_template", "user_id", "portico_account", repair="reassign"),
        # A version stays when its model, author or owner is deleted.
        Reference("models_version", "author", "portico_account", repair="none"),
        Reference("models_version", "owner_id", "portico_account", repair="none"),
    ),
)
