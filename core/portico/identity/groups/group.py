"""The stored group, its results, and the validation of its columns."""

from collections.abc import Mapping
from typing import Any

import msgspec

from portico.errors import InvalidRequest

MAX_DESCRIPTION_CHARS = 4096
#: Limit as JSON; every list of groups contains it.
MAX_DATA_BYTES = 64 * 1024


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """One row of `portico_group`, and the number of members.

    Units: times in epoch seconds. Shape: `data`, `meta` and `permissions` are JSON text. `account_id` is the owner.
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
    """A member of a group. Units: `status_expires_at` in epoch seconds."""

    id: str
    name: str
    email: str
    role: str
    status_emoji: str | None
    status_message: str | None
    status_expires_at: int | None


class MembershipChange(msgspec.Struct, frozen=True):
    """A group after a change of its members. `ignored`: the requested ids that belong to no account, in their order."""

    group: Group
    ignored: tuple[str, ...]


class NoSuchGroup(InvalidRequest):
    """The group to change does not exist. Status 400, not 404, as the client contract has it."""

    def __init__(self, action: str) -> None:
        super().__init__(f"[ERROR: Error {action}]")


def check_group_description(description: str) -> str:
    """Return the description as it is stored. Raises: InvalidRequest if it is too long."""
    if len(description) > MAX_DESCRIPTION_CHARS:
        raise InvalidRequest(
            f"[ERROR: A description has at most {MAX_DESCRIPTION_CHARS} characters]"
        )
    return description.replace("\x00", "")


def check_group_data(name: str, value: Mapping[str, Any] | None) -> str | None:
    """Return `data` or `meta` as JSON text. Raises: InvalidRequest if it is too large."""
    text = as_json(value)
    if text is not None and len(text.encode()) > MAX_DATA_BYTES:
        raise InvalidRequest(f"[ERROR: {name} has at most {MAX_DATA_BYTES // 1024} KiB]")
    return text


def as_json(value: Mapping[str, Any] | None) -> str | None:
    """Return JSON text; None stays None."""
    return None if value is None else msgspec.json.encode(value).decode()
