"""Request and response bodies of templates. Times are epoch seconds; open documents stay JSON."""

import msgspec

from portico.api.json import JSONObject
from portico.api.resources import AccessControl, AccessFields, AccessGrants

#: An absent document.
ABSENT = msgspec.Raw(b"")


def _absent() -> msgspec.Raw:
    return ABSENT  # a factory, because OpenAPI cannot show a default of this type


def _empty_object() -> msgspec.Raw:
    return msgspec.Raw(b"{}")


class TemplateForm(AccessFields, kw_only=True):
    """A template as a client writes it. Without access fields, it does not specify access.

    `id`: used by imports only.
    """

    name: str
    description: str = ""
    params: JSONObject = msgspec.field(default_factory=_empty_object)
    meta: JSONObject = msgspec.field(default_factory=_empty_object)
    id: str = ""


class ModelTemplate(msgspec.Struct, kw_only=True):
    """A template as a client reads it. `built_in`: part of Portico, without an owner, cannot be changed.

    `notes`: values that were replaced when it was saved, if any.
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
    """A page of at most 30 templates, built-in ones first, and the number of templates on all pages."""

    items: list[ModelTemplate]
    total: int


class NewModel(AccessFields, kw_only=True):
    """A new model, as `ModelForm`; values that the template has may be omitted."""

    id: str
    name: str
    meta: JSONObject = msgspec.field(default_factory=_absent)
    params: JSONObject = msgspec.field(default_factory=_absent)
    base_model_id: str | None = None
    is_active: bool = True


class TemplateApplication(AccessFields, kw_only=True):
    """The template to apply to a model, and values that override those of the template."""

    id: str
    template: str
    params: JSONObject = msgspec.field(default_factory=_empty_object)
    meta: JSONObject = msgspec.field(default_factory=_empty_object)
