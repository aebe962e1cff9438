"""Bodies of requests and responses. Names of fields are those of the API that clients know."""

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, UnsetType

#: Account ids in one request.
MAX_MEMBERS = 10_000
#: Groups in one import.
MAX_GROUPS = 1_000

Ids = Annotated[list[str], msgspec.Meta(max_length=MAX_MEMBERS)]
GroupId = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,64}\Z")]


class NewGroup(msgspec.Struct, kw_only=True):
    """A group to create. `permissions`: part of the permission tree; its leaves are true or false."""

    name: str
    description: str
    permissions: dict[str, Any] | None = None
    data: dict[str, Any] | None = None


class GroupChanges(msgspec.Struct, kw_only=True):
    """Changes of a group. Null fields stay as they are; `permissions` and `data` are replaced as a whole."""

    name: str | None
    description: str | None
    permissions: dict[str, Any] | None = None
    data: dict[str, Any] | None = None


class GroupAnswer(msgspec.Struct, kw_only=True):
    """A group. Times are epoch seconds. `user_id`: the account that created it.

    `ignored`: ids in the request that no account has. `user_ids`: all members, in an export only.
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
    """Accounts to add to a group, or to remove from it."""

    user_ids: Ids | None = None


class MemberAnswer(msgspec.Struct, kw_only=True):
    """A member of a group. `email` is empty unless the caller may see it."""

    id: str
    name: str
    email: str
    role: str
    status_emoji: str | None
    status_message: str | None
    status_expires_at: int | None


class ImportedGroup(msgspec.Struct, kw_only=True):
    """A group of an export. Unknown fields are ignored.

    Without `user_ids`, a group that is replaced keeps its members.
    """

    id: GroupId | None = None
    name: str
    description: str = ""
    permissions: dict[str, Any] | None = None
    data: dict[str, Any] | None = None
    user_ids: Ids | None = None


class GroupImportReport(msgspec.Struct, kw_only=True):
    """The result of importing one group. `result`: `created` or `replaced`. `members`: their number afterwards.

    `ignored`: ids in its list that no account has here.
    """

    id: str
    name: str
    result: str
    members: int
    ignored: list[str]
