"""What goes over the wire. Times are epoch seconds; open documents stay JSON."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Protocol, TypeAlias

import msgspec

from portico.api import JSONObject, SchemaOf

NOTHING = msgspec.Raw(b"{}")


class HasAccessControl(Protocol):
    """With whom something is shared."""

    @property
    def fits_access_control(self) -> bool:
        """Whether `document` says all of it."""
        ...

    def grants(self) -> msgspec.Raw:
        """The same as `access_grants`."""
        ...

    def document(self) -> msgspec.Raw:
        """The same as `access_control`."""
        ...


class PrincipalIds(msgspec.Struct):
    """People and groups, by their ids."""

    group_ids: list[str] = []
    user_ids: list[str] = []


class AccessLists(msgspec.Struct):
    """Who has access besides the owner. Both empty: nobody."""

    read: PrincipalIds | msgspec.UnsetType = msgspec.UNSET
    write: PrincipalIds | msgspec.UnsetType = msgspec.UNSET


#: Who has access; null = everyone reads.
AccessControl: TypeAlias = Annotated[msgspec.Raw, SchemaOf(AccessLists | None)]


class AccessGrant(msgspec.Struct):
    """One grant. `principal_id`: `*` as a user = everyone, who can be given `read` only."""

    principal_type: Literal["user", "group"]
    principal_id: str
    permission: Literal["read", "write"]


#: Who has access, in the form of Open WebUI 0.8 and later; empty = nobody but the owner.
AccessGrants: TypeAlias = Annotated[msgspec.Raw, SchemaOf(list[AccessGrant])]


class Rights(msgspec.Struct, kw_only=True):
    """Who has access, in either form. With both, they have to say the same; with neither, nothing is said."""

    access_control: AccessControl | msgspec.UnsetType = msgspec.UNSET
    access_grants: AccessGrants | msgspec.UnsetType = msgspec.UNSET

    @property
    def are_unsaid(self) -> bool:
        """Whether there is neither."""
        return self.access_control is msgspec.UNSET and self.access_grants is msgspec.UNSET


class ModelForm(Rights, kw_only=True):
    """A record as a client writes it. `access_control`: null = everyone reads.

    Without any rights, an update leaves them as they are; a new record is everyone's to read where its author may
    publish, else private.
    """

    id: str
    name: str
    meta: JSONObject
    params: JSONObject
    base_model_id: str | None = None
    is_active: bool = True


class ModelId(msgspec.Struct):
    """Which one."""

    id: str


class Model(msgspec.Struct, kw_only=True):
    """A record as a client reads it. `params` is `{}` for those who may not write; `write_access`: whether they may.

    `access_grants`: only where `access_control` has no room for all of it, that is, where it is null and users or
    groups have access besides.
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


def document(
    found: Mapping[str, Any], sharing: HasAccessControl, *, with_params: bool = True
) -> Model:
    """A row as a document."""
    return Model(
        id=found["id"],
        user_id=found["user_id"],
        base_model_id=found["base_model_id"],
        name=found["name"],
        params=msgspec.Raw(found["params"]) if with_params else NOTHING,
        meta=msgspec.Raw(found["meta"]),
        access_control=sharing.document(),
        is_active=found["is_active"],
        updated_at=found["updated_at"],
        created_at=found["created_at"],
        access_grants=msgspec.UNSET if sharing.fits_access_control else sharing.grants(),
    )


class Owner(msgspec.Struct):
    """Whose it is. `email`: empty for everybody but the person and whoever may read accounts."""

    id: str
    name: str
    role: str
    email: str


class ListedModel(Model, kw_only=True):
    """An item of the list.

    `base_available`: whether there is something it can stand on; said to those who may write it, of one that is on.
    """

    user: Owner | None
    base_available: bool | msgspec.UnsetType = msgspec.UNSET


class ModelPage(msgspec.Struct):
    """A page of at most 30, and how many there are on all pages."""

    items: list[ListedModel]
    total: int


class ModelVersion(msgspec.Struct, kw_only=True):
    """A change of a model. `author`: an account's id, empty for the server itself; `author_name`: today's, if any."""

    number: int
    at: int
    change: str
    author: str
    author_name: str | None


class VersionDocument(ModelVersion, kw_only=True):
    """A change, and the whole model as it was before; `document` is null if there was none."""

    document: Annotated[msgspec.Raw, SchemaOf(Model | None)]


class VersionPage(msgspec.Struct):
    """A page of at most 30, newest first, and how many there are on all pages."""

    items: list[ModelVersion]
    total: int


class RestoreRequest(msgspec.Struct):
    """Which model, and before which of its changes."""

    id: str
    number: int


class ModelTag(msgspec.Struct):
    """A word by which models are found."""

    name: str


class OfferedModel(msgspec.Struct, kw_only=True):
    """A model as the list of all models shows it. Sources add keys of their own."""

    id: str
    object: Literal["model"]
    created: int
    owned_by: str
    name: str
    connection_type: str | msgspec.UnsetType = msgspec.UNSET
    stale: bool | msgspec.UnsetType = msgspec.UNSET
    tags: list[ModelTag] | msgspec.UnsetType = msgspec.UNSET


class OfferedModels(msgspec.Struct):
    """What sources offer."""

    data: list[OfferedModel]


class UsableModel(OfferedModel, kw_only=True):
    """What somebody can use. `info`: the record about it, without its parameters. `preset`, `arena`: what it is."""

    info: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
    preset: bool | msgspec.UnsetType = msgspec.UNSET
    arena: bool | msgspec.UnsetType = msgspec.UNSET
    actions: list[dict[str, Any]]
    filters: list[dict[str, Any]]
    tags: list[ModelTag]


class UsableModels(msgspec.Struct):
    """Every model somebody can use."""

    data: list[UsableModel]
