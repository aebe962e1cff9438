"""Request and response bodies. Times are epoch seconds; open documents stay JSON."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec

from portico.api.json import JSONObject, SchemaOf
from portico.api.policy import Sharing
from portico.api.resources import (
    AccessControl,
    AccessFields,
    AccessGrants,
    Owner,
    access_fields_of,
)

EMPTY_OBJECT = msgspec.Raw(b"{}")


class ModelForm(AccessFields, kw_only=True):
    """A model as a client writes it. `access_control`: null = everyone reads.

    Without access fields, an update leaves access as it is; a new model is public if its author may share publicly,
    else private.
    """

    id: str
    name: str
    meta: JSONObject
    params: JSONObject
    base_model_id: str | None = None
    is_active: bool = True


class ModelId(msgspec.Struct):
    """The id of a model."""

    id: str


class Model(msgspec.Struct, kw_only=True):
    """A model as a client reads it. `params`: `{}` if the caller may not write it; `write_access`: whether they may.

    `access_grants`: only if `access_control` cannot contain every grant, that is, if it is null and users or groups
    have access besides everyone.
    """

    id: str
    user_id: str
    base_model_id: str | None
    name: str
    params: JSONObject
    meta: JSONObject
    access_control: AccessControl
    is_active: bool
    updated_at: int
    created_at: int
    access_grants: AccessGrants | msgspec.UnsetType = msgspec.UNSET
    write_access: bool | msgspec.UnsetType = msgspec.UNSET


def model_document(row: Mapping[str, Any], sharing: Sharing, *, with_params: bool = True) -> Model:
    """Return the response body for a row. `with_params`: whether it contains the parameters."""
    return Model(
        id=row["id"],
        user_id=row["user_id"],
        base_model_id=row["base_model_id"],
        name=row["name"],
        params=msgspec.Raw(row["params"]) if with_params else EMPTY_OBJECT,
        meta=msgspec.Raw(row["meta"]),
        is_active=row["is_active"],
        updated_at=row["updated_at"],
        created_at=row["created_at"],
        **access_fields_of(sharing),
    )


class ListedModel(Model, kw_only=True):
    """An item of the list.

    `base_available`: whether the model it is based on exists; only for active models, and for callers who may write them.
    """

    user: Owner | None
    base_available: bool | msgspec.UnsetType = msgspec.UNSET


class ModelPage(msgspec.Struct):
    """A page of at most 30 models, and the number of models on all pages."""

    items: list[ListedModel]
    total: int


class ModelVersion(msgspec.Struct, kw_only=True):
    """A change of a model. `author`: an account id, empty = the server; `author_name`: current name, null if the account is deleted."""

    number: int
    at: int
    change: str
    author: str
    author_name: str | None


class VersionDocument(ModelVersion, kw_only=True):
    """A change, and the whole model as it was before it; `document` is null if there was none."""

    document: Annotated[msgspec.Raw, SchemaOf(Model | None)]


class VersionPage(msgspec.Struct):
    """A page of at most 30 versions, newest first, and the number of versions on all pages."""

    items: list[ModelVersion]
    total: int


class RestoreRequest(msgspec.Struct):
    """The model to restore, and the number of the change before which its state is restored."""

    id: str
    number: int


class ModelTag(msgspec.Struct):
    """A tag of a model."""

    name: str


class OfferedModel(msgspec.Struct, kw_only=True):
    """A model of a source, as the model list shows it. Sources add keys of their own."""

    id: str
    object: Literal["model"]
    created: int
    owned_by: str
    name: str
    connection_type: str | msgspec.UnsetType = msgspec.UNSET
    stale: bool | msgspec.UnsetType = msgspec.UNSET
    tags: list[ModelTag] | msgspec.UnsetType = msgspec.UNSET


class OfferedModels(msgspec.Struct):
    """Models of all sources."""

    data: list[OfferedModel]


class UsableModel(OfferedModel, kw_only=True):
    """A model the caller may use. `info`: its record without parameters. `preset`, `arena`: its type."""

    info: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
    preset: bool | msgspec.UnsetType = msgspec.UNSET
    arena: bool | msgspec.UnsetType = msgspec.UNSET
    actions: list[dict[str, Any]]
    filters: list[dict[str, Any]]
    tags: list[ModelTag]


class UsableModels(msgspec.Struct):
    """Every model the caller may use."""

    data: list[UsableModel]
