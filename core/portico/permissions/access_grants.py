"""The other form in which clients say who has access, `access_grants`, and both forms read as one.

Source: clients of Open WebUI 0.8 and later. A list of `{"principal_type": "user" | "group", "principal_id": id,
"permission": "read" | "write"}`, one for each grant; `*` as a user's id = everyone. An empty list = the owner alone.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from portico.errors import InvalidRequest, ValidationError
from portico.permissions.sharing import MOST_IDS, PUBLIC, Share, Sharing, read_access_control

#: Grants in one list.
MAX_GRANTS: Final = 4 * MOST_IDS
EVERYONE_ID: Final = "*"
DISAGREE: Final = "[ERROR: access_control and access_grants do not say the same]"

_TYPES: Final = ("user", "group")
_PERMISSIONS: Final = ("read", "write")
#: What a stored grant has besides, and what says nothing about who has access.
_STORED: Final = ("id", "resource_type", "resource_id", "created_at", "updated_at")
_KEYS: Final = frozenset(("principal_type", "principal_id", "permission", *_STORED))
#: Beginnings of a key that may say who has access, and whole keys that may.
_PREFIXES: Final = ("access", "acl", "grants", "shar", "visib", "public", "private")
_WORDS: Final = frozenset(
    ("permissions", "principals", "is_public", "is_private", "readers", "writers", "group_ids", "user_ids")
)  # fmt: skip


def read_access_grants(document: Any, loc: Sequence[str] = ("body", "access_grants")) -> Sharing:
    """The sharing that a list of grants describes. `document`: decoded JSON, or `msgspec.Raw`.

    Raises: Misshapen, with the place below `loc`, for everything that is not exactly known: what a grant says that
    is passed over might be what narrows it.
    """
    loc = list(loc)
    if isinstance(document, msgspec.Raw):
        try:
            document = msgspec.json.decode(document)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise _misfit(loc, "json_invalid", "It is not JSON") from None
    if not isinstance(document, list):
        raise _misfit(loc, "list_type", "Expected an array of grants")
    if len(document) > MAX_GRANTS:
        raise _misfit(loc, "too_long", f"At most {MAX_GRANTS} grants; make a group of the users")
    shares = dict.fromkeys(_share(one, [*loc, index]) for index, one in enumerate(document))
    return Sharing(tuple(shares))


def read_rights(
    access_control: Any, access_grants: Any, loc: Sequence[str] = ("body",)
) -> Sharing | None:
    """The sharing that a document asks for in one form or in both; None if it has neither.

    Either is absent as `UNSET` or as an empty `msgspec.Raw`. Raises: Misshapen for one that cannot be read; Invalid
    if both are there and do not say the same.
    """
    has_control, has_grants = _is_there(access_control), _is_there(access_grants)
    control = read_access_control(access_control, [*loc, "access_control"]) if has_control else None
    grants = read_access_grants(access_grants, [*loc, "access_grants"]) if has_grants else None
    if control is None or grants is None:
        return control if grants is None else grants
    if not grants.reads_as(control):
        raise InvalidRequest(DISAGREE)
    return grants


def unknown_rights(document: Mapping[str, Any]) -> str | None:
    """A key of a document that may say who has access in a form that is not known; None if there is none.

    Asked of documents that have neither form, where "not said" would mean everyone.
    """
    for key in document:
        word = key.casefold().replace("-", "_")
        if word.startswith(_PREFIXES) or word in _WORDS:
            return key
    return None


def _share(grant: Any, loc: list[str | int]) -> Share:
    if not isinstance(grant, dict):
        raise _misfit(loc, "dict_type", "Expected an object")
    if not grant.keys() <= _KEYS:
        # The key itself is the client's text, so it is not repeated.
        raise _misfit(loc, "extra_forbidden", "It says something that is not known of a grant")
    kind = _word(grant, "principal_type", _TYPES, loc)
    action = _word(grant, "permission", _PERMISSIONS, loc)
    holder = grant.get("principal_id")
    if not isinstance(holder, str) or not holder or "\x00" in holder:
        raise _misfit([*loc, "principal_id"], "string_type", "Expected an id that is not empty")
    if holder != EVERYONE_ID:
        return Share(action, kind, holder)
    if kind != "user" or action != "read":
        raise _misfit(
            [*loc, "permission"], "value_error", "Everyone, as a user, can be given `read` only"
        )
    return PUBLIC


def _word(grant: dict[str, Any], name: str, known: tuple[str, ...], loc: list[str | int]) -> Any:
    if grant.get(name) not in known:
        raise _misfit([*loc, name], "literal_error", f"Expected {' or '.join(known)}")
    return grant[name]


def _is_there(value: Any) -> bool:
    return value is not msgspec.UNSET and value != msgspec.Raw(b"")


def _misfit(loc: Sequence[str | int], kind: str, message: str) -> ValidationError:
    return ValidationError([{"type": kind, "loc": list(loc), "msg": message}])
