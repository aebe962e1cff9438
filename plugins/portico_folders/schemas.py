"""What goes over the wire. Times are epoch seconds; `data` and `meta` stay JSON from end to end."""

from typing import Any

import msgspec

#: A document that a client did not send.
ABSENT = msgspec.Raw(b"")


def _absent() -> msgspec.Raw:
    return ABSENT  # a factory, because the description of the API cannot show a value of this type


class FolderForm(msgspec.Struct, kw_only=True):
    """A new folder. Where it lies, whose it is, its id and its times are not for this form to say."""

    name: str
    data: msgspec.Raw = msgspec.field(default_factory=_absent)
    meta: msgspec.Raw = msgspec.field(default_factory=_absent)


class FolderChanges(msgspec.Struct, kw_only=True):
    """What is null or missing stays as it is; of `data` and `meta`, so does every key that is not given."""

    name: str | None = None
    data: msgspec.Raw = msgspec.field(default_factory=_absent)
    meta: msgspec.Raw = msgspec.field(default_factory=_absent)


class ParentForm(msgspec.Struct, kw_only=True):
    """Into which folder one goes; null = to the root."""

    parent_id: str | None = None


class ExpandedForm(msgspec.Struct, kw_only=True):
    """Whether clients show what is in it."""

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
    """What the list shows of `meta`."""

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
