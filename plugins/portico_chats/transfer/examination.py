"""First pass over a file of chats: every chat is checked before any is written. Changes nothing.

Only a few chats at a time are in memory; of the others only the place in the file. Reading is done in a thread, a
few hundred kilobytes at a time, so that other requests are served in the meantime.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from typing import BinaryIO, Final, TypeVar

import msgspec

from portico.api import DomainError, TooLarge
from portico.api.json import ImportItem, ItemError, UnreadableImport, read_items
from portico_chats.transfer.file_folders import FileFolder
from portico_chats.transfer.imported_chat import ImportedChat, NotAChat, is_too_large, parse_chat

#: The lists of an export that are read. ChatGPT's may be under the second name.
KEYS: Final = ("chats", "conversations", "folders")
#: Objects, and bytes, that are read at once.
BATCH_ITEMS: Final = 200
BATCH_BYTES: Final = 512 * 1024
#: Bytes after which the thread yields to the event loop.
PAUSE_BYTES: Final = 32 * 1024
#: Bytes of a chat from which on it is read in a thread.
THREAD_BYTES: Final = 128 * 1024

T = TypeVar("T")


class FilePosition(msgspec.Struct, frozen=True):
    """Position of a chat in the file, in bytes."""

    at: int
    size: int


class CheckedObject(msgspec.Struct, frozen=True):
    """Result of checking one object. `found`: the chat, or the error."""

    item: ImportItem
    found: ImportedChat | DomainError


async def checked_objects(file: BinaryIO) -> AsyncIterator[list[CheckedObject | FileFolder]]:
    """Yield every chat and every folder of the file, some at a time. Raises: UnreadableImport, TooLarge."""
    objects = _objects(file)
    while some := await asyncio.to_thread(_some, objects):
        yield some


async def read_again(file: BinaryIO, place: FilePosition) -> tuple[ImportedChat, bytes]:
    """Read a checked chat again. Returns it and its text. A large one is read in a thread."""

    def read() -> tuple[ImportedChat, bytes]:
        file.seek(place.at)
        text = file.read(place.size)
        return parse_chat(text), text

    return await asyncio.to_thread(read) if place.size > THREAD_BYTES else read()


def error_of(checked: CheckedObject) -> ItemError | None:
    """Return the error of an object, if there is one."""
    if isinstance(checked.found, DomainError):
        return ItemError(checked.item.index, None, checked.found)
    return None


def _objects(file: BinaryIO) -> Iterator[tuple[int, CheckedObject | FileFolder]]:
    """Yield each object with its number of bytes."""
    index = 0
    for item in read_items(file, KEYS, "chats"):
        if item.key == "folders":
            if (folder := _folder(item)) is not None:
                yield item.size, folder
            continue
        if is_too_large(item.text):
            raise TooLarge(f"[ERROR: chats[{index}] is too large]")
        # Objects of several documents are counted together.
        one = msgspec.structs.replace(item, index=index, text=b"")
        index += 1
        try:
            yield item.size, CheckedObject(one, parse_chat(item.text))
        except NotAChat as error:
            if item.is_alone and item.index == 0:
                reason = error.faults[0]["msg"]
                cause = "it contains no chats" if reason == "Field required" else reason
                raise UnreadableImport(f"the file is not an export of chats: {cause}") from None
            yield item.size, CheckedObject(one, error)
        except DomainError as error:
            yield item.size, CheckedObject(one, error)


def _folder(item: ImportItem) -> FileFolder | None:
    try:
        return msgspec.json.decode(item.text, type=FileFolder)
    except msgspec.ValidationError:
        return None  # its chats name it


def _some(objects: Iterator[tuple[int, T]]) -> list[T]:
    found: list[T] = []
    size = 0
    pause = 0
    for one_size, one in objects:
        found.append(one)
        size += one_size
        pause += one_size
        if len(found) >= BATCH_ITEMS or size >= BATCH_BYTES:
            break
        if pause >= PAUSE_BYTES:
            # The event loop needs the interpreter many times per request, and waits 5 ms each time for a busy thread.
            pause = 0
            time.sleep(0.0002)
    return found
