"""Keeps the law up to date: the operator's directory and what was saved over HTTP are laid over the packaged pages.

Each process looks for changes a few times a second. A set that cannot be read, or that would lock out every
administrator, is refused, said in the log and to administrators, and what was in force stays.
"""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import structlog

from portico.audit import record
from portico.db import after_commit, transaction
from portico.errors import NotFound, place
from portico.permissions import stored
from portico.permissions.decide import Permissions
from portico.permissions.directory import Signature, has_settled, signature_of
from portico.permissions.drafts import Drafts, changed
from portico.permissions.law import Law
from portico.permissions.pages import BadPolicy, Page, overlaid

log = structlog.get_logger("portico.permissions")

#: Seconds between two looks.
LOOK_EVERY = 0.2


class Keeper:
    """The law of one application and where it comes from. `directory`: the operator's pages; None = none."""

    def __init__(self, permissions: Permissions, directory: Path | None) -> None:
        self.drafts = Drafts(permissions, directory)
        self._permissions = permissions
        self._known: tuple[Signature, int] | None = None
        self._watching: asyncio.Task[None] | None = None
        #: The pages that are in force, in the order in which they are read.
        self.pages: tuple[Page, ...] = ()
        #: Why the pages that were found last are not in force; empty = they are.
        self.refused: tuple[str, ...] = ()

    # -- coming into force ----------------------------------------------------------------------------------

    async def open(self, *, packaged_only: bool = False) -> None:
        """Put the law into force for the first time.

        If the operator's pages are bad, those that were in force last are good for a start; `refused` says why.
        `packaged_only`: without the operator's pages, for a house that is opened to mend them. Raises: BadPolicy
        where there are none that were in force last.
        """
        if packaged_only:
            await self._take(self.drafts.packaged)
            return
        signature = signature_of(self.drafts.directory)
        try:
            pages = await self.drafts.found()
            law = self.drafts.unchecked(pages)
        except BadPolicy as error:
            if not await self._take_last():
                raise
            self.refused = error.faults
        else:
            self._put_into_force(law, pages)
            # Said, not refused: whoever was let in may have been demoted since, and a house that stays closed
            # lets nobody in at all.
            self.refused = tuple(await self.drafts.lockout(law))
        self._known = (signature, await stored.last_number())

    async def look(self) -> None:
        """Put into force what has changed since the last look, if it is good; else keep what is in force."""
        signature = await asyncio.to_thread(signature_of, self.drafts.directory)
        state = (signature, await stored.last_number())
        if state == self._known or not has_settled(signature):
            return
        self._known = state
        try:
            await self._take(await self.drafts.found())
        except BadPolicy as error:
            self._refuse(error)
        else:
            await self.note()
            log.info("policies are in force", pages=len(self.pages), lines=len(self._law.rules))

    def complain(self) -> None:
        """Say in the log why the pages that were found last are not in force, if so."""
        if self.refused:
            log.error("policies refused, the last good ones stay", faults=list(self.refused))

    def watch(self) -> None:
        """Look again and again, until `stop`."""
        self._watching = asyncio.get_running_loop().create_task(self._watch())

    async def stop(self) -> None:
        """Look no more."""
        if self._watching is not None:
            self._watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watching
            self._watching = None

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY)
            try:
                await self.look()
            except Exception as error:  # noqa: BLE001 - whatever it is, looking again is all that helps
                log.warning(
                    "policies cannot be looked at", error=type(error).__name__, at=place(error)
                )

    @property
    def _law(self) -> Law:
        return self._permissions.law

    async def _take_last(self) -> bool:
        """Put into force what was in force last; False if there is nothing, or it does not fit this house."""
        last = await stored.seen()
        if last:
            with contextlib.suppress(BadPolicy):
                await self._take(overlaid(self.drafts.packaged, last))
                return True
        return False

    async def _take(self, pages: Sequence[Page]) -> None:
        self._put_into_force(await self.drafts.of(pages), pages)

    def _put_into_force(self, law: Law, pages: Sequence[Page]) -> None:
        self._permissions.enact(law)
        self.pages, self.refused = tuple(pages), ()

    def _refuse(self, error: BadPolicy) -> None:
        if error.faults != self.refused:
            self.refused = error.faults
            self.complain()

    # -- saving ---------------------------------------------------------------------------------------------

    async def versions(self, before: int | None = None) -> list[stored.Version]:
        """What was saved, newest first: 20 versions with a number below `before`."""
        return await stored.versions(before)

    async def version(self, number: int) -> stored.Version:
        """What was saved then. Raises: NotFound."""
        found = await stored.version(number)
        if found is None:
            raise NotFound
        return found

    async def saved(self) -> tuple[int, dict[str, str]]:
        """The number of the version that counts, and its pages; 0 = nothing was ever saved."""
        return await stored.last()

    async def save(self, changes: Mapping[str, str | None], author: str) -> int:
        """Change the pages that are kept in the database, and put them into force.

        Returns the number of the version. Raises: BadPolicy; then nothing was changed.
        """
        async with transaction():
            await stored.lock()
            _, saved = await stored.last()
            after = changed(saved, changes)
            pages = self.drafts.pages_with(after)
            law = await self.drafts.of(pages)
            number = await stored.save(after, author)
            await self.note(pages)
            after_commit(lambda: self._put_into_force(law, pages))
        return number

    async def roll_back(self, number: int, author: str) -> int:
        """Make the pages of an earlier version the ones that count. Raises: NotFound, BadPolicy."""
        earlier = await self.version(number) if number else None
        async with transaction():
            await stored.lock()
            _, saved = await stored.last()
            pages = earlier.pages if earlier else {}
            return await self.save({**dict.fromkeys(saved), **pages}, author)

    async def note(self, pages: Sequence[Page] | None = None) -> None:
        """Leave one entry in the audit trail if these pages, or else those in force, are not the ones known last."""
        async with transaction():
            if pages is None:
                await stored.lock()
                if self._known is None or await stored.last_number() != self._known[1]:
                    return  # somebody has saved since these were read, and noted it; the next look will find that
                pages = self.pages
            before = {page.name: page.text for page in await stored.seen()}
            if not await stored.see(pages):
                return
            after = {page.name: page.text for page in pages}
            names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
            was = {name: before.get(name) for name in names}
            became = {name: after.get(name) for name in names}
            await record("policy.changed", "policy", ", ".join(names), was, became)
