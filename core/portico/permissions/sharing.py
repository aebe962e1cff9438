"""Who a thing is shared with, and how clients write it: the JSON document `access_control`.

Source: the API's clients. `null` = everyone reads; `{}` = nobody but its owner; else lists of ids:
`{"read": {"group_ids": […], "user_ids": […]}, "write": {…}}`, any part of which may be left out. The other form in
which clients say it is in `access_grants.py`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import msgspec

from portico.errors import ValidationError

Action: TypeAlias = Literal["read", "write"]
PrincipalKind: TypeAlias = Literal["user", "group", "everyone"]

#: Ids in one list. More people than that are a group.
MOST_IDS = 1000

_LEVELS: Final[tuple[Action, ...]] = ("read", "write")
_LISTS: Final[tuple[tuple[str, PrincipalKind], ...]] = (
    ("group_ids", "group"),
    ("user_ids", "user"),
)


@dataclass(frozen=True, slots=True)
class Share:
    """One thing given to one holder. `principal_id`: empty for everyone."""

    action: Action
    principal_kind: PrincipalKind
    principal_id: str


PUBLIC: Final = Share("read", "everyone", "")


@dataclass(frozen=True, slots=True)
class Sharing:
    """All shares of one thing, in the order in which a client listed them."""

    shares: tuple[Share, ...] = ()

    @property
    def is_public(self) -> bool:
        """Whether everyone reads it."""
        return PUBLIC in self.shares

    @property
    def names_somebody(self) -> bool:
        """Whether it is shared with single people or groups."""
        return any(share != PUBLIC for share in self.shares)

    @property
    def fits_access_control(self) -> bool:
        """Whether `document` says all of it: it has no room for users and groups besides everyone."""
        return not (self.is_public and self.names_somebody)

    def reads_as(self, other: "Sharing") -> bool:
        """Whether this looks like `other` to a client that knows only `access_control`."""
        return self.is_public and other == Sharing((PUBLIC,)) or self.same_as(other)

    def same_as(self, other: "Sharing") -> bool:
        """Whether both give the same to the same, in whatever order."""
        return set(self.shares) == set(other.shares)

    def without(self, kind: PrincipalKind, principal_id: str) -> "Sharing":
        """The same without one holder."""
        gone = (kind, principal_id)
        return Sharing(
            tuple(one for one in self.shares if (one.principal_kind, one.principal_id) != gone)
        )

    def document(self) -> msgspec.Raw:
        """The JSON that says this to a client."""
        if self.is_public:
            return msgspec.Raw(b"null")
        if not self.shares:
            return msgspec.Raw(b"{}")
        levels = {
            level: {name: self._ids(level, kind) for name, kind in _LISTS} for level in _LEVELS
        }
        return msgspec.Raw(msgspec.json.encode(levels))

    def grants(self) -> msgspec.Raw:
        """The JSON that says this to a client as `access_grants`."""
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

    def whole_document(self) -> msgspec.Raw:
        """The JSON that says all of it: `access_control`, or `access_grants` where that has no room for it."""
        return self.document() if self.fits_access_control else self.grants()

    def _ids(self, action: Action, kind: PrincipalKind) -> list[str]:
        return [
            share.principal_id
            for share in self.shares
            if share.action == action and share.principal_kind == kind
        ]


PRIVATE: Final = Sharing()


def read_access_control(document: Any, loc: Iterable[str] = ("body", "access_control")) -> Sharing:
    """The sharing a client asks for. `document`: decoded JSON, or `msgspec.Raw`.

    An id is an id: `*` names somebody called that, not everybody. Raises: Misshapen, with the place below `loc`.
    """
    loc = list(loc)
    if isinstance(document, msgspec.Raw):
        try:
            document = msgspec.json.decode(document)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise _misfit(loc, "json_invalid", "It is not JSON") from None
    if document is None:
        return Sharing((PUBLIC,))
    shares: dict[Share, None] = {}
    for level, lists in _entries(document, _LEVELS, loc):
        names = dict(_LISTS)
        for name, ids in _entries(lists, names, [*loc, level]):
            for one in _ids(ids, [*loc, level, name]):
                shares[Share(level, names[name], one)] = None  # type: ignore[arg-type]
    return Sharing(tuple(shares))


def _entries(value: Any, known: Iterable[str], loc: list[str]) -> Iterable[tuple[str, Any]]:
    if not isinstance(value, dict):
        raise _misfit(loc, "dict_type", "Expected an object")
    for key in value:
        if key not in known:
            # The key itself is the client's text, so it is not repeated.
            raise _misfit(loc, "extra_forbidden", f"Only {' and '.join(known)} are known here")
    return value.items()


def _ids(value: Any, loc: list[str]) -> list[str]:
    if not isinstance(value, list):
        raise _misfit(loc, "list_type", "Expected an array of ids")
    if len(value) > MOST_IDS:
        raise _misfit(loc, "too_long", f"At most {MOST_IDS} ids; make a group of them")
    for one in value:
        if not isinstance(one, str) or not one or "\x00" in one:
            raise _misfit(loc, "string_type", "Expected ids that are not empty")
    return value


def _misfit(loc: list[str], kind: str, message: str) -> ValidationError:
    return ValidationError([{"type": kind, "loc": loc, "msg": message}])
