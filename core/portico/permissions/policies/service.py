"""Loads the policy files, watches them, activates changes, and saves versions.

Files of the operator's directory, and over them those saved over HTTP, override the packaged ones. Each process checks
for changes a few times a second. Files that are not valid, or that would lock out every administrator, are rejected:
that is logged and shown to administrators, and the active policies stay.
"""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import structlog

from portico.audit import record_change
from portico.db import after_commit, transaction
from portico.errors import NotFound
from portico.events import AdministratorAlert, EventBus
from portico.periodic_task import PeriodicTask
from portico.permissions.decisions import Permissions
from portico.permissions.policies import versions as policy_versions
from portico.permissions.policies.builder import PolicyBuilder, apply_changes
from portico.permissions.policies.directory_watch import Signature, has_settled, signature_of
from portico.permissions.policies.files import InvalidPolicy, PolicyFile, override_by_name
from portico.permissions.policy_set import PolicySet

log = structlog.get_logger("portico.permissions")

#: Seconds between two checks for changes.
POLL_SECONDS = 0.2
#: Faults that an alert names.
_ALERTED_FAULTS = 5


class PolicyService:
    """The policies of one application and where they come from.

    `directory`: the operator's files; None = none. `events`: where administrators are alerted of rejected files.
    """

    def __init__(
        self, permissions: Permissions, directory: Path | None, events: EventBus | None = None
    ) -> None:
        self._events = events
        self.builder = PolicyBuilder(permissions, directory)
        self._permissions = permissions
        self._known: tuple[Signature, int] | None = None
        self._activations = 0
        self._task = PeriodicTask("policy reload", POLL_SECONDS, self.reload_if_changed)
        #: The active files, in the order in which they are read.
        self.files: tuple[PolicyFile, ...] = ()
        #: Why the latest files are not active; empty = they are.
        self.rejected: tuple[str, ...] = ()

    # -- activating -----------------------------------------------------------------------------------------

    async def load(self, *, packaged_only: bool = False) -> None:
        """Activate the policies for the first time.

        If the operator's files are not valid, the ones that were active last are used; `rejected` has the reasons.
        `packaged_only`: without the operator's files, for commands that repair them. Raises: InvalidPolicy if no files
        were active before.
        """
        if packaged_only:
            await self._compile_and_activate(self.builder.packaged)
            return
        signature = signature_of(self.builder.directory)
        try:
            files = await self.builder.read_files()
            policies = self.builder.compile_unchecked(files)
        except InvalidPolicy as error:
            if not await self._activate_last():
                raise
            self.rejected = error.faults
        else:
            self._activate(policies, files)
            # Reported, not raised: the administrators may have changed since the files were accepted, and a server
            # that does not start helps no administrator.
            self.rejected = tuple(await self.builder.lockout_reasons(policies))
        self._known = (signature, await policy_versions.last_number())

    async def reload_if_changed(self) -> None:
        """Activate what has changed since the last check, if it is valid; else the active policies stay."""
        signature = await asyncio.to_thread(signature_of, self.builder.directory)
        state = (signature, await policy_versions.last_number())
        if state == self._known or not has_settled(signature):
            return
        self._known = state
        activations = self._activations
        try:
            files = await self.builder.read_files()
            policies = await self.builder.compile(files)
            if self._activations != activations:
                # Policies were saved meanwhile, and what was read may be older than they are.
                self._known = None
                return
            self._activate(policies, files)
        except InvalidPolicy as error:
            self._reject(error)
        else:
            await self.record_change()
            log.info("policies activated", files=len(self.files), rules=len(self._policies.rules))

    def report_rejected(self) -> None:
        """Log why the latest files are not active, if they are not, and alert administrators."""
        if not self.rejected:
            return
        log.error("policies rejected, the active ones stay", faults=list(self.rejected))
        if self._events is not None:
            faults = "; ".join(self.rejected[:_ALERTED_FAULTS])
            message = f"The changed policy files are not valid, and the former policies stay active. Correct them: {faults}"
            self._events.publish(AdministratorAlert("portico:policies_rejected", "", message))

    def start_watching(self) -> None:
        """Check for changes until `stop` is called."""
        self._task.start()

    async def stop(self) -> None:
        """Stop checking for changes."""
        await self._task.stop()

    @property
    def _policies(self) -> PolicySet:
        return self._permissions.policies

    async def _activate_last(self) -> bool:
        """Activate the files that were active last; False if there are none, or they are not valid any more."""
        last = await policy_versions.last_active()
        if last:
            with contextlib.suppress(InvalidPolicy):
                await self._compile_and_activate(override_by_name(self.builder.packaged, last))
                return True
        return False

    async def _compile_and_activate(self, files: Sequence[PolicyFile]) -> None:
        self._activate(await self.builder.compile(files), files)

    def _activate(self, policies: PolicySet, files: Sequence[PolicyFile]) -> None:
        self._permissions.activate(policies)
        self._activations += 1
        self.files, self.rejected = tuple(files), ()

    def _reject(self, error: InvalidPolicy) -> None:
        if error.faults != self.rejected:
            self.rejected = error.faults
            self.report_rejected()

    # -- saving ---------------------------------------------------------------------------------------------

    async def versions(self, before: int | None = None) -> list[policy_versions.PolicyVersion]:
        """Return 20 saved versions with a number below `before`, newest first."""
        return await policy_versions.versions(before)

    async def version(self, number: int) -> policy_versions.PolicyVersion:
        """Return one saved version. Raises: NotFound."""
        found = await policy_versions.version(number)
        if found is None:
            raise NotFound
        return found

    async def saved(self) -> tuple[int, dict[str, str]]:
        """Return the number of the latest version and its files; 0 = nothing was ever saved."""
        return await policy_versions.latest()

    async def save(self, changes: Mapping[str, str | None], author: str) -> int:
        """Change saved files and activate them; None deletes a file.

        Returns the number of the version. Raises: InvalidPolicy; then nothing was changed.
        """
        async with transaction():
            await policy_versions.lock()
            _, saved = await policy_versions.latest()
            after = apply_changes(saved, changes)
            files = self.builder.files_with(after)
            policies = await self.builder.compile(files)
            number = await policy_versions.save(after, author)
            await self.record_change(files)
            after_commit(lambda: self._activate(policies, files))
        return number

    async def roll_back(self, number: int, author: str) -> int:
        """Save the files of an earlier version as the latest; 0 = none. Raises: NotFound, InvalidPolicy."""
        earlier = await self.version(number) if number else None
        async with transaction():
            await policy_versions.lock()
            _, saved = await policy_versions.latest()
            files = earlier.files if earlier else {}
            return await self.save({**dict.fromkeys(saved), **files}, author)

    async def record_change(self, files: Sequence[PolicyFile] | None = None) -> None:
        """Write one audit entry if these files, or else the active ones, differ from those that were active last."""
        async with transaction():
            if files is None:
                await policy_versions.lock()
                if self._known is None or await policy_versions.last_number() != self._known[1]:
                    return  # a newer version was saved and recorded meanwhile; the next check finds it
                files = self.files
            before = {file.name: file.text for file in await policy_versions.last_active()}
            if not await policy_versions.mark_active(files):
                return
            after = {file.name: file.text for file in files}
            names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
            old = {name: before.get(name) for name in names}
            new = {name: after.get(name) for name in names}
            await record_change("policy.changed", "policy", ", ".join(names), old, new)
