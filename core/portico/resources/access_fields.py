"""The fields of a body or an imported object that say who has access, in every form that is read."""

from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec
from msgspec import UNSET, UnsetType

from portico import raw_object
from portico.errors import DomainError, ValidationError, field_error
from portico.permissions import PRIVATE, Sharing, read_rights, unknown_rights
from portico.web.openapi.schema_of import SchemaOf
from portico.web.request.import_errors import ItemError

#: Characters of an unknown key that an error quotes.
MAX_KEY_CHARS: Final = 64


class PrincipalIds(msgspec.Struct):
    """Ids of users and groups."""

    group_ids: list[str] = []
    user_ids: list[str] = []


class AccessLists(msgspec.Struct):
    """Users and groups with access besides the owner. Both empty: only the owner."""

    read: PrincipalIds | UnsetType = UNSET
    write: PrincipalIds | UnsetType = UNSET


#: Who has access; null = everyone reads.
AccessControl: TypeAlias = Annotated[msgspec.Raw, SchemaOf(AccessLists | None)]


class AccessGrant(msgspec.Struct):
    """One grant. `principal_id`: `*` with type `user` = everyone, who can get `read` only."""

    principal_type: Literal["user", "group"]
    principal_id: str
    permission: Literal["read", "write"]


#: Who has access, in the form of Open WebUI 0.8 and later; empty = only the owner.
AccessGrants: TypeAlias = Annotated[msgspec.Raw, SchemaOf(list[AccessGrant])]


class AccessFields(msgspec.Struct, kw_only=True):
    """Fields that say who has access, in either form. With both, they must agree; with neither, access is not specified."""

    access_control: AccessControl | UnsetType = UNSET
    access_grants: AccessGrants | UnsetType = UNSET


@dataclass(frozen=True, slots=True)
class RequestedSharing:
    """The sharing that a client asks for.

    `is_access_control`: read from `access_control`, which cannot contain grants besides everyone.
    """

    sharing: Sharing
    is_access_control: bool = False


def access_fields_of(sharing: Sharing) -> dict[str, Any]:
    """Return the fields of a response that say who has access.

    `access_grants` is UNSET unless `access_control` cannot contain every grant: null, and users or groups besides
    everyone.
    """
    grants = UNSET if sharing.fits_access_control else sharing.grants()
    return {"access_control": sharing.document(), "access_grants": grants}


def read_sharing(form: AccessFields, body: bytes) -> RequestedSharing | None:
    """Return the sharing that a request body asks for; None if it has no access fields.

    Raises: ValidationError, InvalidRequest for access fields that cannot be read or disagree; ValidationError for an
    unknown key that may be one.
    """
    sharing = read_rights(form.access_control, form.access_grants)
    if sharing is not None:
        return RequestedSharing(sharing, is_access_control=form.access_grants is UNSET)
    if (unknown := _unknown_access_key(msgspec.Raw(body))) is not None:
        raise _unknown_key_error(unknown)
    return None


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
        unknown = _unknown_access_key(raw)
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


def _unknown_access_key(raw: msgspec.Raw) -> str | None:
    """Return the unknown key of an object that may say who has access, if there is one."""
    unknown = unknown_rights(raw_object.split(raw))
    return None if unknown is None else unknown[:MAX_KEY_CHARS]


def _unknown_key_error(key: str) -> ValidationError:
    return field_error(
        key, "extra_forbidden", "This key may say who has access, but is not supported"
    )
