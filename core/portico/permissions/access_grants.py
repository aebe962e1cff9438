"""The JSON list `access_grants`, the other form in which clients write a sharing, and reading both forms as one.

Source: clients of Open WebUI 0.8 and later. A list of `{"principal_type": "user" | "group", "principal_id": id,
"permission": "read" | "write"}`, one for each grant; `*` as a user's id = everyone. An empty list = the owner only.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from portico.errors import InvalidRequest, field_error
from portico.permissions.sharing import MAX_IDS, PUBLIC, Share, Sharing, read_access_control

#: Grants in one list.
MAX_GRANTS: Final = 4 * MAX_IDS
EVERYONE_ID: Final = "*"
DISAGREE_MESSAGE: Final = "[ERROR: access_control and access_grants differ]"

_TYPES: Final = ("user", "group")
_PERMISSIONS: Final = ("read", "write")
#: Further keys of a grant that a client read before. They do not change who has access.
_STORED: Final = ("id", "resource_type", "resource_id", "created_at", "updated_at")
_KEYS: Final = frozenset(("principal_type", "principal_id", "permission", *_STORED))
#: Beginnings of a key that may be about access, and whole keys that may be.
_PREFIXES: Final = ("access", "acl", "grants", "shar", "visib", "public", "private")
_WORDS: Final = frozenset(
    ("permissions", "principals", "is_public", "is_private", "readers", "writers", "group_ids", "user_ids")
)  # fmt: skip


def read_access_grants(document: Any) -> Sharing:
    """Parse a list of grants. `document`: decoded JSON, or `msgspec.Raw`.

    Raises: ValidationError, with the location, for every unknown key or value: an ignored one might have
    restricted the grant.
    """
    path: list[str | int] = ["access_grants"]
    if isinstance(document, msgspec.Raw):
        try:
            document = msgspec.json.decode(document)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise field_error(path, "json_invalid", "It is not JSON") from None
    if not isinstance(document, list):
        raise field_error(path, "list_type", "Expected an array of grants")
    if len(document) > MAX_GRANTS:
        raise field_error(
            path, "too_long", f"At most {MAX_GRANTS} grants; make a group of the users"
        )
    shares = dict.fromkeys(_share(grant, [*path, index]) for index, grant in enumerate(document))
    return Sharing(tuple(shares))


def read_rights(access_control: Any, access_grants: Any) -> Sharing | None:
    """Parse the sharing of a document that has one form or both; None if it has neither.

    An absent form is `UNSET` or an empty `msgspec.Raw`. Raises: ValidationError for a form that is not valid;
    InvalidRequest if both are present and differ.
    """
    has_control, has_grants = _is_present(access_control), _is_present(access_grants)
    control = read_access_control(access_control) if has_control else None
    grants = read_access_grants(access_grants) if has_grants else None
    if control is None or grants is None:
        return control if grants is None else grants
    if not grants.reads_as(control):
        raise InvalidRequest(DISAGREE_MESSAGE)
    return grants


def unknown_rights(document: Mapping[str, Any]) -> str | None:
    """Return a key of a document that may be about access in an unknown form; None if there is none.

    For documents that have neither known form, where a missing one would mean everyone.
    """
    for key in document:
        word = key.casefold().replace("-", "_")
        if word.startswith(_PREFIXES) or word in _WORDS:
            return key
    return None


def _share(grant: Any, path: list[str | int]) -> Share:
    if not isinstance(grant, dict):
        raise field_error(path, "dict_type", "Expected an object")
    if not grant.keys() <= _KEYS:
        # The key itself is the client's text, so it is not repeated.
        raise field_error(path, "extra_forbidden", "It has a key that a grant does not have")
    kind = _choice(grant, "principal_type", _TYPES, path)
    action = _choice(grant, "permission", _PERMISSIONS, path)
    principal_id = grant.get("principal_id")
    if not isinstance(principal_id, str) or not principal_id or "\x00" in principal_id:
        raise field_error(
            [*path, "principal_id"], "string_type", "Expected an id that is not empty"
        )
    if principal_id != EVERYONE_ID:
        return Share(action, kind, principal_id)
    if kind != "user" or action != "read":
        raise field_error(
            [*path, "permission"], "value_error", "Everyone can be granted `read` only"
        )
    return PUBLIC


def _choice(grant: dict[str, Any], name: str, known: tuple[str, ...], path: list[str | int]) -> Any:
    if grant.get(name) not in known:
        raise field_error([*path, name], "literal_error", f"Expected {' or '.join(known)}")
    return grant[name]


def _is_present(value: Any) -> bool:
    return value is not msgspec.UNSET and value != msgspec.Raw(b"")
