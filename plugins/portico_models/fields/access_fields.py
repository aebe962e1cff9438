"""The fields of a body or an imported object that say who has access, in every form that is read."""

from dataclasses import dataclass
from typing import Final, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from portico.api import DomainError, ValidationError
from portico.api.json import ItemError, field_error, plain_value, raw_object
from portico.api.policy import PRIVATE, Sharing, read_rights, unknown_rights
from portico_models.fields.schemas import AccessFields

#: Characters of an unknown key that an error quotes.
MAX_KEY_CHARS: Final = 64

#: Keys whose values databases export as strings.
_DOCUMENTS: Final = ("meta", "params", "access_control", "access_grants")


@dataclass(frozen=True, slots=True)
class RequestedSharing:
    """The sharing that a client asks for.

    `is_access_control`: read from `access_control`, which cannot contain grants besides everyone.
    """

    sharing: Sharing
    is_access_control: bool = False


_Form = TypeVar("_Form", bound=AccessFields)


def unpack_documents(form: _Form) -> _Form:
    """Decode documents that are JSON in a string, as databases export them. Raises: ValidationError."""
    for name in _DOCUMENTS:
        value = getattr(form, name)
        if value is not UNSET and value:
            setattr(form, name, plain_value(value))
    return form


def imported_sharing(
    form: AccessFields, raw: msgspec.Raw, notes: list[str], is_strict: bool
) -> Sharing | UnsetType:
    """Return the sharing an imported object asks for; UNSET if it does not specify any. `raw`: its JSON.

    Access fields that cannot be read make the object private, with a note. Raises: ValidationError for an invalid
    `access_control`; with `is_strict`, ValidationError and InvalidRequest for all access fields.
    """
    error: DomainError
    if form.access_grants is UNSET:
        if form.access_control is not UNSET:
            return read_rights(form.access_control, UNSET) or PRIVATE
        unknown = unknown_access_key(raw)
        if unknown is None:
            return UNSET
        error = _unknown_key_error(unknown)
    else:
        if form.access_control is not UNSET:
            read_rights(form.access_control, UNSET)
        try:
            return read_rights(form.access_control, form.access_grants) or PRIVATE
        except DomainError as rejection:
            error = rejection
    if is_strict:
        raise error
    notes.append(f"{ItemError(0, None, error).reason}; only the owner has access")
    return PRIVATE


def read_sharing(form: AccessFields, body: bytes) -> RequestedSharing | None:
    """Return the sharing that a request body asks for; None if it has no access fields.

    Raises: ValidationError, InvalidRequest for access fields that cannot be read or disagree; ValidationError for an
    unknown key that may be one.
    """
    sharing = read_rights(form.access_control, form.access_grants)
    if sharing is not None:
        return RequestedSharing(sharing, is_access_control=form.access_grants is UNSET)
    if (unknown := unknown_access_key(msgspec.Raw(body))) is not None:
        raise _unknown_key_error(unknown)
    return None


def unknown_access_key(raw: msgspec.Raw) -> str | None:
    """Return the unknown key of an object that may say who has access, if there is one."""
    unknown = unknown_rights(raw_object.split(raw))
    return None if unknown is None else unknown[:MAX_KEY_CHARS]


def _unknown_key_error(key: str) -> ValidationError:
    return field_error(
        key, "extra_forbidden", "This key may say who has access, but is not supported"
    )
