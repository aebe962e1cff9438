"""A group as it is stored, and the rules for what may be stored in one."""

from collections.abc import Mapping
from typing import Any

import msgspec

from portico.errors import InvalidRequest

MAX_DESCRIPTION_CHARS = 4096
#: Bytes of JSON; every list of groups carries them.
MAX_DATA_BYTES = 64 * 1024


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """One row of `portico_group`, and how many are in it.

    Units: times in epoch seconds. Shape: `data`, `meta` and `permissions` are JSON text. `account_id` made it.
    """

    id: str
    account_id: str
    name: str
    description: str
    data: str | None = None
    meta: str | None = None
    permissions: str | None = None
    created_at: int
    updated_at: int
    member_count: int


class GroupMember(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who is in a group. Units: `status_expires_at` in epoch seconds."""

    id: str
    name: str
    email: str
    role: str
    status_emoji: str | None
    status_message: str | None
    status_expires_at: int | None


class MembershipChange(msgspec.Struct, frozen=True):
    """A group after its members were changed. `ignored`: the ids on the list that are nobody's, in its order."""

    group: Group
    ignored: tuple[str, ...]


class NoSuchGroup(InvalidRequest):
    """A group that was to be changed is not there: 400 and not 404, as clients know it from these routes."""

    def __init__(self, action: str) -> None:
        super().__init__(f"[ERROR: Error {action}]")


def check_description(description: str) -> str:
    """The description as it is stored. Raises: Invalid if it is too long."""
    if len(description) > MAX_DESCRIPTION_CHARS:
        raise InvalidRequest(
            f"[ERROR: A description has at most {MAX_DESCRIPTION_CHARS} characters]"
        )
    return description.replace("\x00", "")


def check_data(name: str, value: Mapping[str, Any] | None) -> str | None:
    """`data` or `meta` as JSON text. Raises: Invalid if it is too large."""
    text = as_json(value)
    if text is not None and len(text.encode()) > MAX_DATA_BYTES:
        raise InvalidRequest(f"[ERROR: {name} has at most {MAX_DATA_BYTES // 1024} KiB]")
    return text


def as_json(value: Mapping[str, Any] | None) -> str | None:
    """JSON text; None stays None."""
    return None if value is None else msgspec.json.encode(value).decode()
