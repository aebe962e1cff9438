"""Images of the store in messages: models get them as data URLs."""

import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from portico.api import InvalidRequest
from portico.api.json import let_others_run
from portico_files.context.message_parts import parts_of, with_parts
from portico_files.schemas import NOT_READABLE, FileRow
from portico_files.service import Files

#: Bytes that are encoded at once: a multiple of three.
STEP_BYTES: Final = 3 * 128 * 1024
#: Bytes of a part with an address. One with a data URL is longer, or is decoded for nothing.
MAX_PART_BYTES: Final = 4096
MAX_NAMED_IMAGES: Final = 200
MARK: Final = b'"image_url"'
#: Bytes after the word in which an id stands, if there is one.
MAX_ADDRESS_BYTES: Final = 1024

_DATA: Final = b";base64,"
_ID = re.compile(rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_ADDRESS = re.compile(
    r"(?:(?:/api/v1)?/files/)?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:/content(?:/[^/?#]*)?)?(?:[?#].*)?",
    re.DOTALL,
)


def may_name_files(raw: bytes) -> bool:
    """Return whether messages may have images that name files. Quick, also for megabytes of images in the messages."""
    place = raw.find(MARK)
    while place >= 0:
        end = place + MAX_ADDRESS_BYTES
        if _ID.search(raw, place, end):
            return True
        # To find the end of a data URL is ten times as fast as to look for the word in it.
        data = raw.find(_DATA, place, end)
        place = raw.find(MARK, place + len(MARK) if data < 0 else raw.find(b'"', data))
    return False


class ImageBudget:
    """Counts the bytes of the images of one request."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = self._left = max_bytes

    def take(self, row: FileRow) -> None:
        """Count an image. Raises: InvalidRequest for a file that is none, and if there are too many bytes."""
        if not row.is_image:
            raise InvalidRequest(NOT_READABLE.format(row.content_type))
        self._left -= row.size
        if self._left < 0:
            raise InvalidRequest(
                f"[ERROR: The images of a request can have at most {self._max_bytes} bytes together]"
            )


class NamedImage(msgspec.Struct, frozen=True):
    """A part of a message that names a file. `image`: its member `image_url`, without the address."""

    message: int
    part: int
    file_id: str
    image: dict[str, Any]


def named_images(messages: Sequence[msgspec.Raw], own_url: str) -> list[NamedImage]:
    """Return the parts of messages that name files of this server. `own_url`: its address; empty = unknown.

    Raises: InvalidRequest for too many.
    """
    found = []
    for at, message in enumerate(messages):
        if MARK not in bytes(message):
            continue
        for place, part in enumerate(parts_of(message) or ()):
            raw = bytes(part)
            if len(raw) > MAX_PART_BYTES or MARK not in raw:
                continue
            image = _image_of(raw)
            file_id = file_id_of(image.pop("url", None), own_url)
            if file_id is not None:
                found.append(NamedImage(at, place, file_id, image))
    if len(found) > MAX_NAMED_IMAGES:
        raise InvalidRequest(
            f"[ERROR: A request can name at most {MAX_NAMED_IMAGES} stored images]"
        )
    return found


def file_id_of(address: object, own_url: str) -> str | None:
    """Return the id of the file that an address names; None if it is another address."""
    if not isinstance(address, str):
        return None
    if own_url:
        address = address.removeprefix(own_url.rstrip("/"))
    found = _ADDRESS.fullmatch(address)
    return found[1] if found else None


async def replace_images(
    messages: list[msgspec.Raw],
    named: Sequence[NamedImage],
    rows: Mapping[str, FileRow],
    files: Files,
) -> list[msgspec.Raw]:
    """Return the messages with data URLs in place of the files that are named."""
    changed = list(messages)
    for at in dict.fromkeys(one.message for one in named):
        parts = parts_of(changed[at]) or []
        for one in named:
            if one.message == at:
                parts[one.part] = await image_part(rows[one.file_id], files, one.image)
        changed[at] = with_parts(changed[at], parts)
    return changed


async def image_part(row: FileRow, files: Files, more: dict[str, Any] | None = None) -> msgspec.Raw:
    """Return a part of a message with an image. `more`: further members of `image_url`, such as `detail`.

    Raises: NotFound, Unavailable.
    """
    data = b"".join([block async for block in files.content(row)])
    pieces = []
    for start in range(0, len(data), STEP_BYTES):
        pieces.append(b64encode(data[start : start + STEP_BYTES]))
        await let_others_run(STEP_BYTES)
    # Put together as bytes: base64 needs no escapes, and encoding megabytes as JSON would block.
    image = b'{"url":"data:' + row.content_type.encode() + b";base64," + b"".join(pieces) + b'"'
    if more:
        image += b"," + msgspec.json.encode(more)[1:-1]
    return msgspec.Raw(b'{"type":"image_url","image_url":' + image + b"}}")


def _image_of(raw: bytes) -> dict[str, Any]:
    part = msgspec.json.decode(raw)
    image = part.get("image_url") if isinstance(part, dict) else None
    if isinstance(image, str):
        return {"url": image}
    return image if isinstance(image, dict) else {}
