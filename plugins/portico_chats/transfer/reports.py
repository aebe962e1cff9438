"""Reports of an import."""

import msgspec
from msgspec import UNSET, UnsetType


class ImportedChatReport(msgspec.Struct, kw_only=True):
    """A chat of the file. `index`: its place, from 0. `id`: its new id, unset in a dry run.

    `note`: how the imported chat differs from the file.
    """

    index: int
    id: str | UnsetType = UNSET
    title: str
    messages: int
    tags: list[str]
    in_folder: bool
    note: str | UnsetType = UNSET


class RejectedChat(msgspec.Struct):
    """A chat that cannot be imported, and the reason."""

    index: int
    reason: str


class ChatImportReport(msgspec.Struct):
    """Result of an import for each chat of the file."""

    chats: list[ImportedChatReport] = []
    rejected: list[RejectedChat] = []


def note_of(left_out: int, *, has_folder: bool, in_folder: bool) -> str | UnsetType:
    """Return a sentence about how the imported chat differs from the file."""
    notes = []
    if has_folder and not in_folder:
        notes.append("it is in no folder, because the folder it names does not exist")
    if left_out:
        notes.append(f"{left_out} hidden messages or attachments are left out")
    return "; ".join(notes) or UNSET
