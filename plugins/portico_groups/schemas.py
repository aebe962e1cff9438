"""The JSON that goes in and out. Source: the clients' contract; field names are theirs."""

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, UnsetType

#: Ids in one list of members.
MOST_IDS = 10_000
#: Groups in one import.
MOST_GROUPS = 1_000

Ids = Annotated[list[str], msgspec.Meta(max_length=MOST_IDS)]
GroupId = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,64}\Z")]


class NewGroup(msgspec.Struct, kw_only=True):
    """Shape: `permissions` is (part of) the permission tree, with nothing but true and false in it."""

    name: str
    description: str
    permissions: dict[str, Any] | None = None
    data: dict[str, Any] | None = None


class GroupChanges(msgspec.Struct, kw_only=True):
    """What is null stays as it is; `permissions` and `data` are replaced whole."""

    name: str | None
    description: str | None
    permissions: dict[str, Any] | None = None
    data: dict[str, Any] | None = None


class GroupAnswer(msgspec.Struct, kw_only=True):
    """A group. Units: times in epoch seconds. `user_id` made it.

    `ignored`: ids on a list of members that are nobody's; `user_ids`: all members, of an exported group.
    """

    id: str
    user_id: str
    name: str
    description: str
    data: dict[str, Any] | None
    meta: dict[str, Any] | None
    permissions: dict[str, Any] | None
    created_at: int
    updated_at: int
    member_count: int | UnsetType = UNSET
    ignored: list[str] | UnsetType = UNSET
    user_ids: list[str] | UnsetType = UNSET


class MemberList(msgspec.Struct, kw_only=True):
    """Whom to let into a group, or to send out of it."""

    user_ids: Ids | None = None


class MemberAnswer(msgspec.Struct, kw_only=True):
    """Somebody in a group. `email` is empty for those whom it does not concern."""

    id: str
    name: str
    email: str
    role: str
    status_emoji: str | None
    status_message: str | None
    status_expires_at: int | None


class ImportedGroup(msgspec.Struct, kw_only=True):
    """A group as it was exported; what else an export holds is passed over.

    Without `user_ids`, a group that is replaced keeps its members.
    """

    id: GroupId | None = None
    name: str
    description: str = ""
    permissions: dict[str, Any] | None = None
    data: dict[str, Any] | None = None
    user_ids: Ids | None = None


class ImportReport(msgspec.Struct, kw_only=True):
    """What became of one group. `result`: `created` or `replaced`. `members`: how many are in it now.

    `ignored`: ids on its list that are nobody's here.
    """

    id: str
    name: str
    result: str
    members: int
    ignored: list[str]
