"""Keeps the law up to date: the operator's directory and what was saved over HTTP are laid over the packaged pages.

Each process looks for changes a few times a second. A set that cannot be read, or that would lock out every
administrator, is refused, said in the log and to administrators, and what was in force stays.
"""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import structlog

from portico.audit import record_change
from portico.db import after_commit, transaction
from portico.errors import NotFound
from portico.permissions.decisions import Permissions
from portico.permissions.policies import versions as policy_versions
from portico.permissions.policies.builder import PolicyBuilder, changed
from portico.permissions.policies.directory_watch import Signature, has_settled, signature_of
from portico.permissions.policies.files import InvalidPolicy, PolicyFile, override_by_name
from portico.permissions.policy_set import PolicySet
from portico.tasks import PeriodicTask

log = structlog.get_logger("portico.permissions")

#: Seconds between two looks.
POLL_SECONDS = 0.2


class PolicyService:
    """The law of one application and where it comes from. `directory`: the operator's pages; None = none."""

    def __init__(self, permissions: Permissions, directory: Path | None) -> None:
        self.drafts = PolicyBuilder(permissions, directory)
        self._permissions = permissions
        self._known: tuple[Signature, int] | None = None
        self._task = PeriodicTask("policy reload", POLL_SECONDS, self.reload_if_changed)
        #: The pages that are in force, in the order in which they are read.
        self.files: tuple[PolicyFile, ...] = ()
        #: Why the pages that were found last are not in force; empty = they are.
        self.rejected: tuple[str, ...] = ()

    # -- coming into force ----------------------------------------------------------------------------------

    async def load(self, *, packaged_only: bool = False) -> None:
        """Put the law into force for the first time.

        If the operator's pages are bad, those that were in force last are good for a start; `refused` says why.
        `packaged_only`: without the operator's pages, for a house that is opened to mend them. Raises: InvalidPolicy
        where there are none that were in force last.
        """
        if packaged_only:
            await self._take(self.drafts.packaged)
            return
        signature = signature_of(self.drafts.directory)
        try:
            pages = await self.drafts.read_files()
            law = self.drafts.compile_unchecked(pages)
        except InvalidPolicy as error:
            if not await self._take_last():
                raise
            self.rejected = error.faults
        else:
            self._activate(law, pages)
            # Said, not refused: whoever was let in may have been demoted since, and a house that stays closed
            # lets nobody in at all.
            self.rejected = tuple(await self.drafts.lockout_reasons(law))
        self._known = (signature, await policy_versions.last_number())

    async def reload_if_changed(self) -> None:
        """Put into force what has changed since the last look, if it is good; else keep what is in force."""
        signature = await asyncio.to_thread(signature_of, self.drafts.directory)
        state = (signature, await policy_versions.last_number())
        if state == self._known or not has_settled(signature):
            return
        self._known = state
        try:
            await self._take(await self.drafts.read_files())
        except InvalidPolicy as error:
            self._reject(error)
        else:
            await self.record_change()
            log.info("policies are in force", pages=len(self.files), lines=len(self._law.rules))

    def log_rejected(self) -> None:
        """Say in the log why the pages that were found last are not in force, if so."""
        if self.rejected:
            log.error("policies refused, the last good ones stay", faults=list(self.rejected))

    def start_watching(self) -> None:
        """Look again and again, until `stop`."""
        self._task.start()

    async def stop(self) -> None:
        """Look no more."""
        await self._task.stop()

    @property
    def _law(self) -> PolicySet:
        return self._permissions.policies

    async def _take_last(self) -> bool:
        """Put into force what was in force last; False if there is nothing, or it does not fit this house."""
        last = await policy_versions.last_active()
        if last:
            with contextlib.suppress(InvalidPolicy):
                await self._take(override_by_name(self.drafts.packaged, last))
                return True
        return False

    async def _take(self, pages: Sequence[PolicyFile]) -> None:
        self._activate(await self.drafts.compile(pages), pages)

    def _activate(self, law: PolicySet, pages: Sequence[PolicyFile]) -> None:
        self._permissions.activate(law)
        self.files, self.rejected = tuple(pages), ()

    def _reject(self, error: InvalidPolicy) -> None:
        if error.faults != self.rejected:
            self.rejected = error.faults
            self.log_rejected()

    # -- saving ---------------------------------------------------------------------------------------------

    async def versions(self, before: int | None = None) -> list[policy_versions.PolicyVersion]:
        """What was saved, newest first: 20 versions with a number below `before`."""
        return await policy_versions.versions(before)

    async def version(self, number: int) -> policy_versions.PolicyVersion:
        """What was saved then. Raises: NotFound."""
        found = await policy_versions.version(number)
        if found is None:
            raise NotFound
        return found

    async def saved(self) -> tuple[int, dict[str, str]]:
        """The number of the version that counts, and its pages; 0 = nothing was ever saved."""
        return await policy_versions.latest()

    async def save(self, changes: Mapping[str, str | None], author: str) -> int:
        """Change the pages that are kept in the database, and put them into force.

        Returns the number of the version. Raises: InvalidPolicy; then nothing was changed.
        """
        async with transaction():
            await policy_versions.lock()
            _, saved = await policy_versions.latest()
            after = changed(saved, changes)
            pages = self.drafts.files_with(after)
            law = await self.drafts.compile(pages)
            number = await policy_versions.save(after, author)
            await self.record_change(pages)
            after_commit(lambda: self._activate(law, pages))
        return number

    async def roll_back(self, number: int, author: str) -> int:
        """Make the pages of an earlier version the ones that count. Raises: NotFound, InvalidPolicy."""
        earlier = await self.version(number) if number else None
        async with transaction():
            await policy_versions.lock()
            _, saved = await policy_versions.latest()
            pages = earlier.pages if earlier else {}
            return await self.save({**dict.fromkeys(saved), **pages}, author)

    async def record_change(self, pages: Sequence[PolicyFile] | None = None) -> None:
        """Leave one entry in the audit trail if these pages, or else those in force, are not the ones known last."""
        async with transaction():
            if pages is None:
                await policy_versions.lock()
                if self._known is None or await policy_versions.last_number() != self._known[1]:
                    return  # somebody has saved since these were read, and noted it; the next look will find that
                pages = self.files
            before = {page.name: page.text for page in await policy_versions.last_active()}
            if not await policy_versions.mark_active(pages):
                return
            after = {page.name: page.text for page in pages}
            names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
            was = {name: before.get(name) for name in names}
            became = {name: after.get(name) for name in names}
            await record_change("policy.changed", "policy", ", ".join(names), was, became)
