"""Requests and responses. Times are epoch seconds; `data` and `meta` are never decoded as a whole."""

from typing import Any

import msgspec

#: A value that a client did not send.
ABSENT = msgspec.Raw(b"")


def _absent() -> msgspec.Raw:
    return ABSENT  # a factory, because OpenAPI cannot show a default of this type


class FolderForm(msgspec.Struct, kw_only=True):
    """A new folder. Parent, owner, id and times cannot be set by the client."""

    name: str
    data: msgspec.Raw = msgspec.field(default_factory=_absent)
    meta: msgspec.Raw = msgspec.field(default_factory=_absent)


class FolderChanges(msgspec.Struct, kw_only=True):
    """Changes of a folder. Null or missing keys stay unchanged, and so do missing keys of `data` and `meta`."""

    name: str | None = None
    data: msgspec.Raw = msgspec.field(default_factory=_absent)
    meta: msgspec.Raw = msgspec.field(default_factory=_absent)


class ParentForm(msgspec.Struct, kw_only=True):
    """The new parent folder; null = the root."""

    parent_id: str | None = None


class ExpandedForm(msgspec.Struct, kw_only=True):
    """Whether clients show the content of a folder."""

    is_expanded: bool


class Folder(msgspec.Struct, kw_only=True):
    """A folder as its owner reads it. `items` is always null; clients know the field."""

    id: str
    parent_id: str | None
    user_id: str
    name: str
    items: dict[str, Any] | None = None
    meta: msgspec.Raw | None
    data: msgspec.Raw | None
    is_expanded: bool
    created_at: int
    updated_at: int


class Icon(msgspec.Struct):
    """The part of `meta` that the list shows."""

    icon: str | None


class ListedFolder(msgspec.Struct):
    """An item of the list."""

    id: str
    name: str
    meta: Icon | None
    parent_id: str | None
    is_expanded: bool
    created_at: int
    updated_at: int
