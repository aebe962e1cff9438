"""Keeps the law up to date: the operator's directory and what was saved over HTTP are laid over the packaged pages.

Each process looks for changes a few times a second. A set that cannot be read, or that would lock out every
administrator, is refused, said in the log and to administrators, and what was in force stays.
"""

import asyncio
import contextlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import structlog

from portico.audit import record
from portico.db import after_commit, rows, transaction
from portico.errors import NotFound, place
from portico.identity import Actor
from portico.permissions import stored
from portico.permissions.decide import Permissions
from portico.permissions.directory import Signature, has_settled, signature_of
from portico.permissions.law import Law
from portico.permissions.lockout import locked_out
from portico.permissions.pages import (
    MOST_PAGES,
    MOST_SAVED,
    BadPolicy,
    Page,
    overlaid,
    packaged_pages,
    pages_in,
)
from portico.permissions.resource import PolicyFile, PolicyLine, ResourceKind

log = structlog.get_logger("portico.permissions")

#: Seconds between two looks.
LOOK_EVERY = 0.2
#: Administrators that are asked for when a law is checked for locking all of them out.
MOST_ADMINS = 1000

_ADMINS = "SELECT id FROM portico_account WHERE role = 'admin' ORDER BY created_at LIMIT $1"


class Keeper:
    """The law of one application and where it comes from. `directory`: the operator's pages; None = none."""

    def __init__(self, permissions: Permissions, directory: Path | None) -> None:
        self.directory = directory
        self._permissions = permissions
        self._kinds: tuple[ResourceKind, ...] = ()
        self._packaged: tuple[Page, ...] = ()
        self._tolerant = False
        self._known: tuple[Signature, int] | None = None
        self._watching: asyncio.Task[None] | None = None
        #: The pages that are in force, in the order in which they are read.
        self.pages: tuple[Page, ...] = ()
        #: Why the pages that were found last are not in force; empty = they are.
        self.refused: tuple[str, ...] = ()

    def appoint(
        self,
        kinds: Iterable[ResourceKind],
        policies: Iterable[PolicyFile | PolicyLine],
        *,
        tolerant: bool = False,
    ) -> None:
        """Say what plugins bring. `tolerant`: one was set aside, so that lines about its things make no sense now.

        Raises: BadPolicy if what they bring is wrong by itself; what was appointed before then stays.
        """
        kinds, packaged = tuple(kinds), tuple(packaged_pages(policies))
        self._permissions.draft(kinds, packaged)
        self._kinds, self._packaged, self._tolerant = kinds, packaged, tolerant

    @property
    def packaged(self) -> tuple[Page, ...]:
        """The pages that Portico and its plugins bring, with nothing laid over them."""
        return self._packaged

    # -- coming into force ----------------------------------------------------------------------------------

    async def open(self, *, packaged_only: bool = False) -> None:
        """Put the law into force for the first time.

        If the operator's pages are bad, those that were in force last are good for a start; `refused` says why.
        `packaged_only`: without the operator's pages, for a house that is opened to mend them. Raises: BadPolicy
        where there are none that were in force last.
        """
        if packaged_only:
            await self._take(self._packaged)
            return
        signature = signature_of(self.directory)
        try:
            pages = await self._found()
            law = self._draft(pages)
        except BadPolicy as error:
            if not await self._take_last():
                raise
            self.refused = error.faults
        else:
            self._put_into_force(law, pages)
            # Said, not refused: whoever was let in may have been demoted since, and a house that stays closed
            # lets nobody in at all.
            self.refused = tuple(await self._locked_out(law))
        self._known = (signature, await stored.last_number())

    async def look(self) -> None:
        """Put into force what has changed since the last look, if it is good; else keep what is in force."""
        signature = await asyncio.to_thread(signature_of, self.directory)
        state = (signature, await stored.last_number())
        if state == self._known or not has_settled(signature):
            return
        self._known = state
        try:
            await self._take(await self._found())
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

    async def _found(self) -> list[Page]:
        """All pages, as they are now."""
        _, saved = await stored.last()
        return self._with(saved)

    def _with(self, saved: Mapping[str, str]) -> list[Page]:
        own = pages_in(self.directory) if self.directory else []
        return overlaid(self._packaged, own, stored.as_pages(saved))

    async def _take_last(self) -> bool:
        """Put into force what was in force last; False if there is nothing, or it does not fit this house."""
        last = await stored.seen()
        if last:
            with contextlib.suppress(BadPolicy):
                await self._take(overlaid(self._packaged, last))
                return True
        return False

    async def _take(self, pages: Sequence[Page]) -> None:
        self._put_into_force(await self.drafted(pages), pages)

    def _put_into_force(self, law: Law, pages: Sequence[Page]) -> None:
        self._permissions.enact(law)
        self.pages, self.refused = tuple(pages), ()

    def _refuse(self, error: BadPolicy) -> None:
        if error.faults != self.refused:
            self.refused = error.faults
            self.complain()

    # -- trying and saving ----------------------------------------------------------------------------------

    async def drafted(self, pages: Iterable[Page]) -> Law:
        """A law out of pages, checked as it would be before it comes into force. Raises: BadPolicy."""
        law = self._draft(pages)
        if faults := await self._locked_out(law):
            raise BadPolicy(faults)
        return law

    def _draft(self, pages: Iterable[Page]) -> Law:
        return self._permissions.draft(self._kinds, pages, tolerant=self._tolerant)

    async def _locked_out(self, law: Law) -> list[str]:
        """Why none of the administrators there are could do what one of them must be able to. Empty = one can."""
        faults: list[str] = []
        for admin in await rows(_ADMINS, MOST_ADMINS):
            actor = Actor(admin["id"], "", "", "admin", "", "")
            faults = locked_out(law, await self._permissions.standings.words_about(actor))
            if not faults:
                break
        return faults

    async def drafted_from(self, directory: Path) -> Law:
        """The law as it would be with the pages of another directory. Raises: BadPolicy."""
        _, saved = await stored.last()
        return await self.drafted(
            overlaid(self._packaged, pages_in(directory), stored.as_pages(saved))
        )

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

    async def drafted_with(self, changes: Mapping[str, str | None]) -> Law:
        """The law as it would be with some saved pages changed; None takes one back. Raises: BadPolicy."""
        _, saved = await stored.last()
        return await self.drafted(self._with(_changed(saved, changes)))

    async def save(self, changes: Mapping[str, str | None], author: str) -> int:
        """Change the pages that are kept in the database, and put them into force.

        Returns the number of the version. Raises: BadPolicy; then nothing was changed.
        """
        async with transaction():
            await stored.lock()
            _, saved = await stored.last()
            after = _changed(saved, changes)
            pages = self._with(after)
            law = await self.drafted(pages)
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
        pages = self.pages if pages is None else pages
        async with transaction():
            before = {page.name: page.text for page in await stored.seen()}
            if not await stored.see(pages):
                return
            after = {page.name: page.text for page in pages}
            names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
            was = {name: before.get(name) for name in names}
            became = {name: after.get(name) for name in names}
            await record("policy.changed", "policy", ", ".join(names), was, became)


def _changed(saved: Mapping[str, str], changes: Mapping[str, str | None]) -> dict[str, str]:
    """The pages as they would be kept. Raises: BadPolicy for too much of them."""
    after = {name: text for name, text in {**saved, **changes}.items() if text is not None}
    if len(after) > MOST_PAGES:
        raise BadPolicy(
            [f"database: there would be {len(after)} pages; at most {MOST_PAGES} are kept"]
        )
    if (size := sum(len(text.encode()) for text in after.values())) > MOST_SAVED:
        raise BadPolicy(
            [f"database: all pages would have {size} bytes; at most {MOST_SAVED} are kept"]
        )
    return after
