"""What is true of somebody, whatever the thing: the words of their standing, before role lines add to it."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from portico.brief import Brief
from portico.db import in_transaction, rows
from portico.identity import Actor, Tree, granted, read_text
from portico.permissions.law import Law, Plan
from portico.permissions.relations import Facts
from portico.settings.schema import AccessSettings

_GROUPS = "SELECT group_id FROM portico_group_member WHERE account_id = $1"

#: What somebody is permitted by the permission tree; asked with an account's id.
Permitted: TypeAlias = Callable[[str], Awaitable[Tree]]


def permission_words(tree: object) -> list[str]:
    """`permission:workspace.models` and the like, of a permission tree."""
    return sorted(f"permission:{leaf}" for leaf in granted(tree))


def words_of_group(permissions: str | None) -> list[str]:
    """The same of what is stored with a group; what is damaged permits nothing."""
    return permission_words(read_text(permissions))


class Standings:
    """What is true of people. `moment`: seconds for which what was read is trusted, until `forget`."""

    def __init__(
        self, settings: AccessSettings, permitted: Permitted | None, moment: float
    ) -> None:
        self._settings = settings
        self._permitted = permitted
        self._known: Brief[tuple[str, str], Facts] = Brief(moment)

    def words_of(self, role: str) -> list[str]:
        """What is true of everybody with this role: the role, and whatever the operator's switches exempt it from."""
        words = [f"role:{role}"]
        if self._settings.bypass_admin and role == "admin":
            words.append("bypass:admin")
        if self._settings.bypass_models and role != "pending":
            words.append("bypass:models")
        if self._settings.bypass_chats and role == "admin":
            words.append("bypass:chats")
        if self._settings.bypass_export and role == "admin":
            words.append("bypass:export")
        return words

    async def words_about(self, actor: Actor) -> list[str]:
        """Everything that is true of somebody: role, groups, permissions."""
        groups = [f"member:{found['group_id']}" for found in await rows(_GROUPS, actor.id)]
        tree = await self._permitted(actor.id) if self._permitted else {}
        return [*self.words_of(actor.role), f"user:{actor.id}", *groups, *permission_words(tree)]

    async def everybodys_words(self) -> list[str]:
        """What the permission tree permits somebody who is in no group."""
        return permission_words(await self._permitted("") if self._permitted else {})

    async def of(self, law: Law, plan: Plan, actor: Actor) -> Facts:
        """All that is true of somebody, as far as the plan asks, with what role lines add. Mostly without a statement."""
        if not (plan.asks_groups or plan.asks_permissions):
            return law.standing((*self.words_of(actor.role), f"user:{actor.id}"))

        async def ask(_: tuple[str, str]) -> Facts:
            return law.standing(await self.words_about(actor))

        if in_transaction():
            return await ask(("", ""))
        return await self._known.get((actor.id, actor.role), ask) or frozenset()

    def forget(self) -> None:
        """Trust nothing that was read before."""
        self._known.forget()
