"""Templates over the wire. Times are epoch seconds; open documents stay JSON."""

import msgspec

from portico.api import JSONObject
from portico_models.schemas import AccessControl, AccessGrants, Rights

#: A document that a client did not send.
ABSENT = msgspec.Raw(b"")


def _absent() -> msgspec.Raw:
    return ABSENT  # a factory, because the description of the API cannot show a value of this type


def _nothing() -> msgspec.Raw:
    return msgspec.Raw(b"{}")


class TemplateForm(Rights, kw_only=True):
    """A template as a client writes it. Without any rights it says nothing about who has access.

    `id`: minded only by an import.
    """

    name: str
    description: str = ""
    params: JSONObject = msgspec.field(default_factory=_nothing)
    meta: JSONObject = msgspec.field(default_factory=_nothing)
    id: str = ""


class ModelTemplate(msgspec.Struct, kw_only=True):
    """A template as a client reads it. `built_in`: it came with Portico, belongs to nobody and does not change.

    `notes`: what of it was replaced as it was written, where something was.
    """

    id: str
    name: str
    description: str
    params: JSONObject
    meta: JSONObject
    access_control: AccessControl | msgspec.UnsetType = msgspec.UNSET
    access_grants: AccessGrants | msgspec.UnsetType = msgspec.UNSET
    user_id: str | None = None
    built_in: bool = False
    created_at: int = 0
    updated_at: int = 0
    notes: list[str] | msgspec.UnsetType = msgspec.UNSET


class TemplatePage(msgspec.Struct):
    """A page of at most 30, those that came with Portico first, and how many there are on all pages."""

    items: list[ModelTemplate]
    total: int


class NewModel(Rights, kw_only=True):
    """A new record, as `ModelForm`; what a template says may be left out."""

    id: str
    name: str
    meta: JSONObject = msgspec.field(default_factory=_absent)
    params: JSONObject = msgspec.field(default_factory=_absent)
    base_model_id: str | None = None
    is_active: bool = True


class TemplateApplication(Rights, kw_only=True):
    """Which template is laid over which model, and what of it is not to be taken: keys sent here win."""

    id: str
    template: str
    params: JSONObject = msgspec.field(default_factory=_nothing)
    meta: JSONObject = msgspec.field(default_factory=_nothing)
