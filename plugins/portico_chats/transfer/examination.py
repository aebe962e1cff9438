"""The first reading of a file of chats: every one is looked at before any is written. Changes nothing.

So no more than some of them are ever in memory as anything but a place in the file, however many there are. Reading is
done in a thread, a few hundred kilobytes at a time, so that others are served meanwhile.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from typing import BinaryIO, Final, TypeVar

import msgspec

from portico.api import DomainError, ImportItem, ItemError, TooLarge, UnreadableImport, read_items
from portico_chats.transfer.file_folders import FileFolder
from portico_chats.transfer.imported_chat import ImportedChat, NoChat, is_too_large, parse_chat

#: The lists of an export that are read. ChatGPT's may stand under the second name.
KEYS: Final = ("chats", "conversations", "folders")
#: Objects, and bytes, that are read at once.
BATCH_ITEMS: Final = 200
BATCH_BYTES: Final = 512 * 1024
#: Bytes after which the thread lets the event loop go first.
PAUSE_BYTES: Final = 32 * 1024
#: Bytes of a chat from which on it is not read on the event loop.
THREAD_BYTES: Final = 128 * 1024

T = TypeVar("T")


class Place(msgspec.Struct, frozen=True):
    """Where a chat stands in the file, in bytes."""

    at: int
    size: int


class Looked(msgspec.Struct, frozen=True):
    """What was found of one object. `found`: the chat, or why it is none."""

    item: ImportItem
    found: ImportedChat | DomainError


async def looked(file: BinaryIO) -> AsyncIterator[list[Looked | FileFolder]]:
    """Every chat and every folder of the file, some at a time. Raises: UnreadableImport, TooLarge."""
    objects = _objects(file)
    while some := await asyncio.to_thread(_some, objects):
        yield some


async def read_again(file: BinaryIO, place: Place) -> tuple[ImportedChat, bytes]:
    """A chat that was looked at, and its text. A large one is read in a thread."""

    def read() -> tuple[ImportedChat, bytes]:
        file.seek(place.at)
        text = file.read(place.size)
        return parse_chat(text), text

    return await asyncio.to_thread(read) if place.size > THREAD_BYTES else read()


def fault_of(looked: Looked) -> ItemError | None:
    """What is wrong with an object, if anything is."""
    if isinstance(looked.found, DomainError):
        return ItemError(looked.item.index, None, looked.found)
    return None


def _objects(file: BinaryIO) -> Iterator[tuple[int, Looked | FileFolder]]:
    """Each with the bytes that it takes."""
    index = 0
    for item in read_items(file, KEYS, "chats"):
        if item.key == "folders":
            if (folder := _folder(item)) is not None:
                yield item.size, folder
            continue
        if is_too_large(item.text):
            raise TooLarge(f"[ERROR: chats[{index}] is too large]")
        # Those of several documents are counted together.
        one = msgspec.structs.replace(item, index=index, text=b"")
        index += 1
        try:
            yield item.size, Looked(one, parse_chat(item.text))
        except NoChat as error:
            if item.is_alone and item.index == 0:
                reason = error.faults[0]["msg"]
                told = "it has no chats in it" if reason == "Field required" else reason
                raise UnreadableImport(f"this is no export of chats: {told}") from None
            yield item.size, Looked(one, error)
        except DomainError as error:
            yield item.size, Looked(one, error)


def _folder(item: ImportItem) -> FileFolder | None:
    try:
        return msgspec.json.decode(item.text, type=FileFolder)
    except msgspec.ValidationError:
        return None  # a chat that lies in it says so


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
            # The event loop asks for the interpreter many times in a request, and waits 5 ms each time for a busy thread.
            pause = 0
            time.sleep(0.0002)
    return found
