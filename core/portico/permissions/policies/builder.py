"""Compiles policies without activating them: from packaged files, the operator's directory, and files saved over HTTP."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from portico.db import fetch_all
from portico.identity import Actor
from portico.permissions.decisions import Permissions
from portico.permissions.policies import former_words
from portico.permissions.policies import versions as policy_versions
from portico.permissions.policies.files import (
    MAX_FILES,
    MAX_SAVED_BYTES,
    InvalidPolicy,
    PolicyFile,
    files_of,
    override_by_name,
    packaged_files,
    read_directory,
)
from portico.permissions.policies.lockout import lockout_reasons
from portico.permissions.policies.parser import check_own_kinds
from portico.permissions.policy_set import PolicySet
from portico.permissions.resource import PackagedPolicy, PolicyRule, ResourceKind

#: Administrators that are tried when policies are checked for locking all of them out.
MAX_ADMINS = 1000

_ADMINS = "SELECT id FROM portico_account WHERE role = 'admin' ORDER BY created_at, id LIMIT $1"


class PolicyBuilder:
    """Compiles the policies of one application. `directory`: the operator's policy files; None = none."""

    def __init__(self, permissions: Permissions, directory: Path | None) -> None:
        self.directory = directory
        self._permissions = permissions
        self._kinds: tuple[ResourceKind, ...] = ()
        #: The files of Portico and its plugins, without the operator's.
        self.packaged: tuple[PolicyFile, ...] = ()
        self._packaged_policies = permissions.policies
        self._allow_unknown_kinds = False

    def set_plugin_policies(
        self,
        provided: Iterable[tuple[Iterable[ResourceKind], Iterable[PackagedPolicy | PolicyRule]]],
        *,
        allow_unknown_kinds: bool = False,
    ) -> None:
        """Set what plugins provide: the kinds and the policies of each. A plugin's rules are about its own kinds only.

        `allow_unknown_kinds`: a plugin failed, so rules for its kinds are inactive. Raises: InvalidPolicy if what they
        provide is wrong by itself; what was set before then stays.
        """
        kinds: tuple[ResourceKind, ...] = ()
        packaged = tuple(packaged_files(()))
        for own_kinds, policies in provided:
            own = tuple(own_kinds)
            files = files_of(policies)
            check_own_kinds(files, {kind.name for kind in own})
            kinds, packaged = (*kinds, *own), (*packaged, *files)
        self._packaged_policies = self._permissions.compile(kinds, packaged)
        self._kinds, self.packaged = kinds, packaged
        self._allow_unknown_kinds = allow_unknown_kinds

    # -- files ----------------------------------------------------------------------------------------------

    async def read_files(self) -> list[PolicyFile]:
        """Return all files as they are now. Raises: InvalidPolicy."""
        _, saved = await policy_versions.latest()
        return self.files_with(saved)

    def files_with(self, saved: Mapping[str, str]) -> list[PolicyFile]:
        """Return all files as they would be with these saved ones. Raises: InvalidPolicy."""
        own = read_directory(self.directory) if self.directory else []
        return self._override_packaged(own, saved)

    def _override_packaged(
        self, own: Iterable[PolicyFile], saved: Mapping[str, str]
    ) -> list[PolicyFile]:
        own, from_database = list(own), policy_versions.as_files(saved)
        packaged = {file.name for file in self.packaged}
        faults = [
            f"{file.location}: {file.name} is now called "
            f"{' and '.join(former_words.FILES[file.name])}; rename the file"
            for file in (*own, *from_database)
            if file.name in former_words.FILES and file.name not in packaged
        ]
        if faults:
            raise InvalidPolicy(faults)
        return override_by_name(self.packaged, own, from_database)

    # -- policies -------------------------------------------------------------------------------------------

    def compile_unchecked(self, files: Iterable[PolicyFile]) -> PolicySet:
        """Compile policies, even if they lock out every administrator there is. Raises: InvalidPolicy."""
        files = tuple(files)
        if files == self.packaged:
            return self._packaged_policies
        return self._permissions.compile(
            self._kinds, files, allow_unknown_kinds=self._allow_unknown_kinds
        )

    async def compile(self, files: Iterable[PolicyFile]) -> PolicySet:
        """Compile policies with all checks that come before an activation. Raises: InvalidPolicy."""
        policies = self.compile_unchecked(files)
        if reasons := await self.lockout_reasons(policies):
            raise InvalidPolicy(reasons)
        return policies

    async def compile_directory(self, directory: Path) -> PolicySet:
        """Compile the policies with another directory in the place of the configured one. Raises: InvalidPolicy."""
        _, saved = await policy_versions.latest()
        return await self.compile(self._override_packaged(read_directory(directory), saved))

    async def compile_with_changes(self, changes: Mapping[str, str | None]) -> PolicySet:
        """Compile the policies with some saved files changed; None deletes one. Raises: InvalidPolicy."""
        _, saved = await policy_versions.latest()
        return await self.compile(self.files_with(apply_changes(saved, changes)))

    async def lockout_reasons(self, policies: PolicySet) -> list[str]:
        """Return why no existing administrator could do what is required of one; empty = one can."""
        reasons: list[str] = []
        for admin in await fetch_all(_ADMINS, MAX_ADMINS):
            actor = Actor(admin["id"], "", "", "admin", "", "")
            principals = await self._permissions.principals.for_actor(actor)
            reasons = lockout_reasons(policies, principals)
            if not reasons:
                break
        return reasons


def apply_changes(saved: Mapping[str, str], changes: Mapping[str, str | None]) -> dict[str, str]:
    """Return the saved files with these changes. Raises: InvalidPolicy if they are too many or too long."""
    after = {name: text for name, text in {**saved, **changes}.items() if text is not None}
    if len(after) > MAX_FILES:
        raise InvalidPolicy(
            [f"database: there would be {len(after)} files; at most {MAX_FILES} are allowed"]
        )
    if (size := sum(len(text.encode()) for text in after.values())) > MAX_SAVED_BYTES:
        raise InvalidPolicy(
            [f"database: all files would have {size} bytes; at most {MAX_SAVED_BYTES} are allowed"]
        )
    return after
