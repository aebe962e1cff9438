"""Making laws without putting them into force: out of what plugins bring, what the operator wrote, what was saved."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from portico.db import rows
from portico.identity import Actor
from portico.permissions import stored
from portico.permissions.decide import Permissions
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

#: Administrators that are asked for when a law is checked for locking all of them out.
MOST_ADMINS = 1000

_ADMINS = "SELECT id FROM portico_account WHERE role = 'admin' ORDER BY created_at LIMIT $1"


class Drafts:
    """Laws of one application as they would be. `directory`: the operator's pages; None = none."""

    def __init__(self, permissions: Permissions, directory: Path | None) -> None:
        self.directory = directory
        self._permissions = permissions
        self._kinds: tuple[ResourceKind, ...] = ()
        #: The pages that Portico and its plugins bring, with nothing laid over them.
        self.packaged: tuple[Page, ...] = ()
        self._tolerant = False

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
        self._kinds, self.packaged, self._tolerant = kinds, packaged, tolerant

    # -- pages ----------------------------------------------------------------------------------------------

    async def found(self) -> list[Page]:
        """All pages, as they are now."""
        _, saved = await stored.last()
        return self.pages_with(saved)

    def pages_with(self, saved: Mapping[str, str]) -> list[Page]:
        """All pages, if these were the saved ones."""
        own = pages_in(self.directory) if self.directory else []
        return overlaid(self.packaged, own, stored.as_pages(saved))

    # -- laws -----------------------------------------------------------------------------------------------

    def unchecked(self, pages: Iterable[Page]) -> Law:
        """A law out of pages, whoever it would lock out. Raises: BadPolicy."""
        return self._permissions.draft(self._kinds, pages, tolerant=self._tolerant)

    async def of(self, pages: Iterable[Page]) -> Law:
        """A law out of pages, checked as it would be before it comes into force. Raises: BadPolicy."""
        law = self.unchecked(pages)
        if faults := await self.lockout(law):
            raise BadPolicy(faults)
        return law

    async def of_directory(self, directory: Path) -> Law:
        """The law as it would be with the pages of another directory. Raises: BadPolicy."""
        _, saved = await stored.last()
        return await self.of(overlaid(self.packaged, pages_in(directory), stored.as_pages(saved)))

    async def with_changes(self, changes: Mapping[str, str | None]) -> Law:
        """The law as it would be with some saved pages changed; None takes one back. Raises: BadPolicy."""
        _, saved = await stored.last()
        return await self.of(self.pages_with(changed(saved, changes)))

    async def lockout(self, law: Law) -> list[str]:
        """Why none of the administrators there are could do what one of them must be able to. Empty = one can."""
        faults: list[str] = []
        for admin in await rows(_ADMINS, MOST_ADMINS):
            actor = Actor(admin["id"], "", "", "admin", "", "")
            faults = locked_out(law, await self._permissions.standings.words_about(actor))
            if not faults:
                break
        return faults


def changed(saved: Mapping[str, str], changes: Mapping[str, str | None]) -> dict[str, str]:
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
