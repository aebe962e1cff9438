"""Bringing chats in, on behalf of whoever they are to belong to: all of them, or none. No HTTP here.

Each is read twice: all are looked at before the first is written. So no more than one of them is ever in memory as
anything but a place in a file, however many there are.
"""

import asyncio
from collections.abc import Callable
from typing import BinaryIO, Final

import msgspec

from portico.api import (
    Fault,
    Folders,
    House,
    Refusal,
    TooLarge,
    new_id,
    now,
    refuse_faults,
    transaction,
)
from portico_chats.making import Making
from portico_chats.transfer.elements import elements
from portico_chats.transfer.incoming import Arrival, is_too_large, read_arrival

#: Chats and messages in one import over HTTP. More are brought in from the command line.
MOST: Final = 10_000
MOST_MESSAGES: Final = 100_000
#: Faults after which nothing more is looked at.
MOST_FAULTS: Final = 1000


class Brought(msgspec.Struct, kw_only=True):
    """A chat of the file. `index`: its place, from 0. `id`: what it is called here, unset in a rehearsal."""

    index: int
    id: str | msgspec.UnsetType = msgspec.UNSET
    title: str
    messages: int
    tags: list[str]
    in_folder: bool


class Refused(msgspec.Struct):
    """A chat that cannot be brought in, and why."""

    index: int
    reason: str


class Report(msgspec.Struct):
    """What becomes of each chat of a file."""

    chats: list[Brought] = []
    refused: list[Refused] = []


def _nobody_watches(_: int) -> None:
    pass


class Import:
    """One import. It is used once.

    `owner_id`: whose the chats become. `file`: JSON, see `elements`. `origin`: the sign-in they come through, "" =
    none. `unbounded`: there may be any number of chats and messages. `on_step`: called with the bytes of each chat
    that is done with, of each twice.
    """

    def __init__(
        self,
        app: House,
        owner_id: str,
        file: BinaryIO,
        *,
        origin: str = "",
        unbounded: bool = False,
        on_step: Callable[[int], None] = _nobody_watches,
    ) -> None:
        self._app = app
        self._owner_id = owner_id
        self._file = file
        self._origin = origin
        self._unbounded = unbounded
        self._on_step = on_step
        self._folders: dict[str, bool] = {}
        self._places: list[tuple[int, int]] = []

    async def rehearse(self) -> Report:
        """What `run` would do. Nothing is changed, and what is wrong with single chats is not raised but told.

        Raises: Invalid for what is no list; TooLarge.
        """
        report, faults = await self._look()
        report.refused = [Refused(fault.index, fault.reason) for fault in faults]
        return report

    async def run(self, under: tuple[str, ...] = ()) -> Report:
        """Do it. `under`: where in what was sent the list is.

        Raises: Misshapen or Invalid, with everything that is wrong; TooLarge.
        """
        report, faults = await self._look()
        refuse_faults(faults, under, "chats")
        making, at = Making(self._app), now()
        async with transaction():
            self._folders.clear()
            if (folders := self._app.services.get(Folders)) is not None:
                await folders.hold(self._owner_id)
            for line, (begin, length) in zip(report.chats, self._places, strict=True):
                self._file.seek(begin)
                one = read_arrival(self._file.read(length))
                line.id = new_id()
                line.in_folder = await self._is_own(one)
                row = one.row(line.id, self._owner_id, at, in_folder=line.in_folder)
                await making.make(row, one.document, origin=self._origin, tags=one.tags)
                self._on_step(length)
                await asyncio.sleep(0)  # whoever reads goes on meanwhile
        return report

    async def _look(self) -> tuple[Report, list[Fault]]:
        report, faults, messages = Report(), [], 0
        for index, (at, text) in enumerate(elements(self._file)):
            if index >= MOST and not self._unbounded:
                raise TooLarge(f"[ERROR: at most {MOST} chats at once]")
            if is_too_large(text):
                raise TooLarge(f"[ERROR: chats[{index}] is too large]")
            self._on_step(len(text))
            try:
                one = read_arrival(text)
            except Refusal as error:
                faults.append(Fault(index, None, error))
                if len(faults) > MOST_FAULTS:
                    break
                continue
            messages += len(one.document.messages or ())
            if messages > MOST_MESSAGES and not self._unbounded:
                raise TooLarge(f"[ERROR: at most {MOST_MESSAGES} messages at once]")
            self._places.append((at, len(text)))
            report.chats.append(
                Brought(
                    index=index,
                    title=one.title,
                    messages=len(one.document.messages or ()),
                    tags=list(one.tags),
                    in_folder=await self._is_own(one),
                )
            )
            await asyncio.sleep(0)
        return report, faults

    async def _is_own(self, one: Arrival) -> bool:
        """Whether a chat may lie in the folder it says."""
        folder_id = one.folder_id
        if folder_id is None:
            return False
        if folder_id not in self._folders:
            folders = self._app.services.get(Folders)
            self._folders[folder_id] = (
                folders is not None
                and folder_id.isascii()
                and folder_id.isprintable()
                and await folders.is_there(self._owner_id, folder_id)
            )
        return self._folders[folder_id]
