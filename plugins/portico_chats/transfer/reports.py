"""What becomes of each chat of a file, as an import reports it."""

import msgspec
from msgspec import UNSET, UnsetType


class ImportedChatReport(msgspec.Struct, kw_only=True):
    """A chat of the file. `index`: its place, from 0. `id`: what it is called here, unset in a dry run.

    `note`: what of it is not as the file says.
    """

    index: int
    id: str | UnsetType = UNSET
    title: str
    messages: int
    tags: list[str]
    in_folder: bool
    note: str | UnsetType = UNSET


class RejectedChat(msgspec.Struct):
    """A chat that cannot be brought in, and why."""

    index: int
    reason: str


class ChatImportReport(msgspec.Struct):
    """What becomes of each chat of a file."""

    chats: list[ImportedChatReport] = []
    refused: list[RejectedChat] = []


def note_of(left_out: int, *, has_folder: bool, in_folder: bool) -> str | UnsetType:
    """What of a chat is not as its file says, in a sentence."""
    notes = []
    if has_folder and not in_folder:
        notes.append("it is in no folder, since the one that is named is not there")
    if left_out:
        notes.append(f"{left_out} hidden messages or attachments are left out")
    return "; ".join(notes) or UNSET
