"""Requests and responses. Times are epoch seconds; a command begins with `/`, as clients expect."""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from portico.api.policy import Sharing
from portico.api.resources import (
    AccessControl,
    AccessFields,
    AccessGrants,
    Owner,
    access_fields_of,
)


class PromptForm(AccessFields, kw_only=True):
    """A new prompt. Without access fields it is public if its author may share publicly, else private."""

    command: str
    title: str
    content: str


class PromptChanges(AccessFields, kw_only=True):
    """Changes of a prompt. Absent keys stay as they are, and so does access without access fields."""

    command: str | UnsetType = UNSET
    title: str | UnsetType = UNSET
    content: str | UnsetType = UNSET


class Prompt(msgspec.Struct, kw_only=True):
    """A prompt. `timestamp`: of the last change. `access_control`: null = everyone reads.

    `access_grants`: only if `access_control` cannot contain every grant.
    """

    id: str
    command: str
    user_id: str
    title: str
    content: str
    timestamp: int
    created_at: int
    access_control: AccessControl
    access_grants: AccessGrants | UnsetType = UNSET


class ListedPrompt(Prompt, kw_only=True):
    """A prompt in the list of the workspace. `write_access`: whether the caller may change it."""

    user: Owner | None
    write_access: bool


def prompt_fields(row: Mapping[str, Any], content: str, sharing: Sharing) -> dict[str, Any]:
    """Return the fields of a response for a row."""
    return {
        "id": row["id"],
        "command": f"/{row['command']}",
        "user_id": row["user_id"],
        "title": row["title"],
        "content": content,
        "timestamp": row["updated_at"],
        "created_at": row["created_at"],
        **access_fields_of(sharing),
    }
