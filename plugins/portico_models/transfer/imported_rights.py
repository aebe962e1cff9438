"""Documents and rights in what is brought in: as this server writes them, as others do, and as databases export them."""

from typing import Final, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from portico.api import (
    PRIVATE,
    DomainError,
    ItemError,
    Sharing,
    ValidationError,
    field_error,
    plain_value,
    read_rights,
    unknown_rights,
)
from portico_models.schemas import Rights

#: Characters of an unknown key that are repeated.
MAX_KEY_CHARS: Final = 64

_KEYS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
#: Documents that databases export as texts.
_DOCUMENTS: Final = ("meta", "params", "access_control", "access_grants")

_Form = TypeVar("_Form", bound=Rights)


def unpacked(form: _Form) -> _Form:
    """A form whose documents may stand in strings, with the documents. Raises: Misshapen."""
    for name in _DOCUMENTS:
        value = getattr(form, name)
        if value is not UNSET and value:
            setattr(form, name, plain_value(value))
    return form


def imported_sharing(
    form: Rights, raw: msgspec.Raw, notes: list[str], is_strict: bool
) -> Sharing | UnsetType:
    """Who has access, as far as an object says; UNSET if it says nothing. `raw`: its JSON.

    Rights in a form that is not known here make the object private, with a note. Raises:
    Misshapen for an `access_control` that is none; with `is_strict`, Misshapen and Invalid for all of it.
    """
    error: DomainError
    if form.access_grants is UNSET:
        if form.access_control is not UNSET:
            return read_rights(form.access_control, UNSET) or PRIVATE
        unknown = unknown_key(raw)
        if unknown is None:
            return UNSET
        error = _not_known(unknown)
    else:
        if form.access_control is not UNSET:
            read_rights(form.access_control, UNSET)
        try:
            return read_rights(form.access_control, form.access_grants) or PRIVATE
        except DomainError as refusal:
            error = refusal
    if is_strict:
        raise error
    notes.append(f"{ItemError(0, None, error).reason}; so only the owner has access")
    return PRIVATE


def refuse_unknown_rights(form: Rights, body: bytes) -> None:
    """Raises: Misshapen for a form without rights that may have some under a name that is not known."""
    if form.are_unsaid and (unknown := unknown_key(msgspec.Raw(body))) is not None:
        raise _not_known(unknown)


def unknown_key(raw: msgspec.Raw) -> str | None:
    """The key of an object that may say who has access in a form that is not known."""
    unknown = unknown_rights(_KEYS.decode(raw))
    return None if unknown is None else unknown[:MAX_KEY_CHARS]


def _not_known(key: str) -> ValidationError:
    return field_error(key, "extra_forbidden", "It may say who has access, and is not known here")
