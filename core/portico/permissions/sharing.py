"""Who a resource is shared with, and the JSON document `access_control` in which clients write it.

Source: the API's clients. `null` = everyone reads; `{}` = the owner only; else lists of ids:
`{"read": {"group_ids": […], "user_ids": […]}, "write": {…}}`, any part of which may be left out. `access_grants.py`
has the other form.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import msgspec

from portico.errors import field_error

Action: TypeAlias = Literal["read", "write"]
PrincipalKind: TypeAlias = Literal["user", "group", "everyone"]

#: Ids in one list. To share with more users, make a group of them.
MAX_IDS = 1000

_LEVELS: Final[tuple[Action, ...]] = ("read", "write")
_LISTS: Final[tuple[tuple[str, PrincipalKind], ...]] = (
    ("group_ids", "group"),
    ("user_ids", "user"),
)


@dataclass(frozen=True, slots=True)
class Share:
    """One action granted to one user or group, or to everyone (`principal_id` is then empty)."""

    action: Action
    principal_kind: PrincipalKind
    principal_id: str


PUBLIC: Final = Share("read", "everyone", "")


@dataclass(frozen=True, slots=True)
class Sharing:
    """All shares of one resource, in the order in which a client listed them."""

    shares: tuple[Share, ...] = ()

    @property
    def is_public(self) -> bool:
        """Whether everyone may read the resource."""
        return PUBLIC in self.shares

    @property
    def names_principals(self) -> bool:
        """Whether the resource is shared with single users or groups."""
        return any(share != PUBLIC for share in self.shares)

    @property
    def fits_access_control(self) -> bool:
        """Whether `document` contains all shares: it cannot name users and groups besides everyone."""
        return not (self.is_public and self.names_principals)

    def reads_as(self, other: "Sharing") -> bool:
        """Return whether a client that knows only `access_control` cannot tell this from `other`."""
        return self.is_public and other == Sharing((PUBLIC,)) or self.same_as(other)

    def same_as(self, other: "Sharing") -> bool:
        """Return whether both contain the same shares, in any order."""
        return set(self.shares) == set(other.shares)

    def without(self, kind: PrincipalKind, principal_id: str) -> "Sharing":
        """Return the sharing without the shares of one user or group."""
        gone = (kind, principal_id)
        return Sharing(
            tuple(one for one in self.shares if (one.principal_kind, one.principal_id) != gone)
        )

    def document(self) -> msgspec.Raw:
        """Return the JSON of `access_control`."""
        if self.is_public:
            return msgspec.Raw(b"null")
        if not self.shares:
            return msgspec.Raw(b"{}")
        levels = {
            level: {name: self._ids(level, kind) for name, kind in _LISTS} for level in _LEVELS
        }
        return msgspec.Raw(msgspec.json.encode(levels))

    def grants(self) -> msgspec.Raw:
        """Return the JSON of `access_grants`."""
        listed = [
            {"principal_type": "user", "principal_id": "*", "permission": one.action}
            if one.principal_kind == "everyone"
            else {
                "principal_type": one.principal_kind,
                "principal_id": one.principal_id,
                "permission": one.action,
            }
            for one in self.shares
        ]
        return msgspec.Raw(msgspec.json.encode(listed))

    def full_document(self) -> msgspec.Raw:
        """Return JSON with all shares: `access_control`, or `access_grants` if the former cannot contain them."""
        return self.document() if self.fits_access_control else self.grants()

    def _ids(self, action: Action, kind: PrincipalKind) -> list[str]:
        return [
            share.principal_id
            for share in self.shares
            if share.action == action and share.principal_kind == kind
        ]


PRIVATE: Final = Sharing()


def read_access_control(document: Any) -> Sharing:
    """Parse an `access_control` document. `document`: decoded JSON, or `msgspec.Raw`.

    Ids are compared whole: `*` names an account with that id, not everyone. Raises: ValidationError, with the
    location.
    """
    path = ["access_control"]
    if isinstance(document, msgspec.Raw):
        try:
            document = msgspec.json.decode(document)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise field_error(path, "json_invalid", "It is not JSON") from None
    if document is None:
        return Sharing((PUBLIC,))
    shares: dict[Share, None] = {}
    for level, lists in _entries(document, _LEVELS, path):
        names = dict(_LISTS)
        for name, ids in _entries(lists, names, [*path, level]):
            for one in _ids(ids, [*path, level, name]):
                shares[Share(level, names[name], one)] = None  # type: ignore[arg-type]
    return Sharing(tuple(shares))


def _entries(value: Any, known: Iterable[str], path: list[str]) -> Iterable[tuple[str, Any]]:
    if not isinstance(value, dict):
        raise field_error(path, "dict_type", "Expected an object")
    for key in value:
        if key not in known:
            # The key itself is the client's text, so it is not repeated.
            raise field_error(path, "extra_forbidden", f"Only {' and '.join(known)} are known here")
    return value.items()


def _ids(value: Any, path: list[str]) -> list[str]:
    if not isinstance(value, list):
        raise field_error(path, "list_type", "Expected an array of ids")
    if len(value) > MAX_IDS:
        raise field_error(path, "too_long", f"At most {MAX_IDS} ids; make a group of them")
    for one in value:
        if not isinstance(one, str) or not one or "\x00" in one:
            raise field_error(path, "string_type", "Expected ids that are not empty")
    return value
