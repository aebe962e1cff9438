"""Making laws without putting them into force: out of what plugins bring, what the operator wrote, what was saved."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from portico.db import fetch_all
from portico.identity import Actor
from portico.permissions.decisions import Permissions
from portico.permissions.policies import versions as policy_versions
from portico.permissions.policies.files import (
    MOST_PAGES,
    MOST_SAVED,
    InvalidPolicy,
    PolicyFile,
    override_by_name,
    packaged_files,
    read_directory,
)
from portico.permissions.policies.lockout import lockout_reasons
from portico.permissions.policy_set import PolicySet
from portico.permissions.resource import PackagedPolicy, PolicyLine, ResourceKind

#: Administrators that are asked for when a law is checked for locking all of them out.
MOST_ADMINS = 1000

_ADMINS = "SELECT id FROM portico_account WHERE role = 'admin' ORDER BY created_at LIMIT $1"


class PolicyBuilder:
    """Laws of one application as they would be. `directory`: the operator's pages; None = none."""

    def __init__(self, permissions: Permissions, directory: Path | None) -> None:
        self.directory = directory
        self._permissions = permissions
        self._kinds: tuple[ResourceKind, ...] = ()
        #: The pages that Portico and its plugins bring, with nothing laid over them.
        self.packaged: tuple[PolicyFile, ...] = ()
        self._tolerant = False

    def set_plugin_policies(
        self,
        kinds: Iterable[ResourceKind],
        policies: Iterable[PackagedPolicy | PolicyLine],
        *,
        tolerant: bool = False,
    ) -> None:
        """Say what plugins bring. `tolerant`: one was set aside, so that lines about its things make no sense now.

        Raises: InvalidPolicy if what they bring is wrong by itself; what was appointed before then stays.
        """
        kinds, packaged = tuple(kinds), tuple(packaged_files(policies))
        self._permissions.compile(kinds, packaged)
        self._kinds, self.packaged, self._tolerant = kinds, packaged, tolerant

    # -- pages ----------------------------------------------------------------------------------------------

    async def read_files(self) -> list[PolicyFile]:
        """All pages, as they are now."""
        _, saved = await policy_versions.latest()
        return self.files_with(saved)

    def files_with(self, saved: Mapping[str, str]) -> list[PolicyFile]:
        """All pages, if these were the saved ones."""
        own = read_directory(self.directory) if self.directory else []
        return override_by_name(self.packaged, own, policy_versions.as_pages(saved))

    # -- laws -----------------------------------------------------------------------------------------------

    def compile_unchecked(self, pages: Iterable[PolicyFile]) -> PolicySet:
        """A law out of pages, whoever it would lock out. Raises: InvalidPolicy."""
        return self._permissions.compile(self._kinds, pages, allow_unknown_kinds=self._tolerant)

    async def compile(self, pages: Iterable[PolicyFile]) -> PolicySet:
        """A law out of pages, checked as it would be before it comes into force. Raises: InvalidPolicy."""
        law = self.compile_unchecked(pages)
        if faults := await self.lockout_reasons(law):
            raise InvalidPolicy(faults)
        return law

    async def compile_directory(self, directory: Path) -> PolicySet:
        """The law as it would be with the pages of another directory. Raises: InvalidPolicy."""
        _, saved = await policy_versions.latest()
        return await self.compile(
            override_by_name(
                self.packaged, read_directory(directory), policy_versions.as_pages(saved)
            )
        )

    async def compile_with_changes(self, changes: Mapping[str, str | None]) -> PolicySet:
        """The law as it would be with some saved pages changed; None takes one back. Raises: InvalidPolicy."""
        _, saved = await policy_versions.latest()
        return await self.compile(self.files_with(changed(saved, changes)))

    async def lockout_reasons(self, law: PolicySet) -> list[str]:
        """Why none of the administrators there are could do what one of them must be able to. Empty = one can."""
        faults: list[str] = []
        for admin in await fetch_all(_ADMINS, MOST_ADMINS):
            actor = Actor(admin["id"], "", "", "admin", "", "")
            faults = lockout_reasons(law, await self._permissions.principals.for_actor(actor))
            if not faults:
                break
        return faults


def changed(saved: Mapping[str, str], changes: Mapping[str, str | None]) -> dict[str, str]:
    """The pages as they would be kept. Raises: InvalidPolicy for too much of them."""
    after = {name: text for name, text in {**saved, **changes}.items() if text is not None}
    if len(after) > MOST_PAGES:
        raise InvalidPolicy(
            [f"database: there would be {len(after)} pages; at most {MOST_PAGES} are kept"]
        )
    if (size := sum(len(text.encode()) for text in after.values())) > MOST_SAVED:
        raise InvalidPolicy(
            [f"database: all pages would have {size} bytes; at most {MOST_SAVED} are kept"]
        )
    return after
