"""Files as they are stored, and as clients see them."""

from typing import Annotated, Any, Final

import msgspec

from portico.api.json import JSONObject
from portico_files.content_type import IMAGES

NOT_READABLE: Final = "This file type cannot be read yet: {}"


class FileRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `files_file`. `metadata`: the client's JSON. Times: epoch seconds. `size`: bytes."""

    id: str
    user_id: str
    filename: str
    content_type: str
    is_text: bool
    size: int
    hash: str
    is_processed: bool
    created_at: int
    updated_at: int
    metadata: str

    @property
    def is_image(self) -> bool:
        """Whether browsers show it, and models read it, as an image."""
        return self.content_type in IMAGES

    @property
    def fault(self) -> str:
        """Why no model can read it; empty if one can."""
        is_readable = self.is_text or self.is_image
        return "" if is_readable else NOT_READABLE.format(self.content_type)


class FileStatus(msgspec.Struct, frozen=True, omit_defaults=True):
    """Whether models can read a file. `status`: `completed` or `failed`. `error`: why they cannot."""

    status: str
    error: str = ""


class FileMeta(msgspec.Struct, frozen=True):
    """Name, type and size of a file. `data`: the client's own."""

    name: str
    content_type: str
    size: int
    data: JSONObject


class StoredFile(msgspec.Struct, frozen=True):
    """A file without its content. `data`: empty, or a `FileStatus`, with `content` where one file is asked for."""

    id: str
    user_id: str
    hash: str
    filename: str
    data: dict[str, Any]
    meta: FileMeta
    created_at: int
    updated_at: int
    access_control: dict[str, Any] | None = None


class UploadedFile(StoredFile, frozen=True, kw_only=True):
    """A file that was uploaded."""

    status: bool = True


class FileText(msgspec.Struct, frozen=True):
    """The text that models get of a file."""

    content: str


class DeletionMessage(msgspec.Struct, frozen=True):
    """What was deleted, as a sentence."""

    message: str


class WebPageForm(msgspec.Struct):
    """A web page to attach. `collection_name`: clients send it; it has no effect."""

    url: Annotated[str, msgspec.Meta(min_length=1, max_length=2048)]
    collection_name: str | None = None


class AttachedPage(msgspec.Struct, frozen=True):
    """A web page whose text was stored. `filename`: its address. `collection_name`: the id of the file."""

    collection_name: str
    filename: str
    file: StoredFile
    status: bool = True


def status_of(row: FileRow) -> FileStatus:
    """Return whether models can read a file."""
    return FileStatus("failed", row.fault) if row.fault else FileStatus("completed")


def to_file(row: FileRow, text: str | None = None) -> StoredFile:
    """Return a file as clients see it. `text`: its content, if it is shown."""
    return StoredFile(**_fields(row, text))


def to_upload(row: FileRow) -> UploadedFile:
    """Return a file as the client that uploaded it sees it."""
    return UploadedFile(**_fields(row, None))


def _fields(row: FileRow, text: str | None) -> dict[str, Any]:
    data: dict[str, Any] = msgspec.to_builtins(status_of(row)) if row.is_processed else {}
    if text is not None:
        data["content"] = text
    return {
        "id": row.id,
        "user_id": row.user_id,
        "hash": row.hash,
        "filename": row.filename,
        "data": data,
        "meta": FileMeta(
            row.filename, row.content_type, row.size, msgspec.Raw(row.metadata.encode())
        ),
        "created_at": row.created_at,
        "updated_at": row.updated_at,
    }
