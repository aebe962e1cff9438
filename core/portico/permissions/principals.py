"""What is true of somebody, whatever the thing: the words of their standing, before role lines add to it."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from portico.cache import TTLCache
from portico.db import fetch_all, in_transaction
from portico.identity import Actor, PermissionTree, granted_permissions, parse_tree
from portico.permissions.policy_set import ActionRules, PolicySet
from portico.permissions.subjects import Subjects
from portico.settings.schema import AccessSettings

_GROUPS = "SELECT group_id FROM portico_group_member WHERE account_id = $1"

#: What somebody is permitted by the permission tree; asked with an account's id.
Permitted: TypeAlias = Callable[[str], Awaitable[PermissionTree]]


def permission_words(tree: object) -> list[str]:
    """`permission:workspace.models` and the like, of a permission tree."""
    return sorted(f"permission:{leaf}" for leaf in granted_permissions(tree))


def words_of_group(permissions: str | None) -> list[str]:
    """The same of what is stored with a group; what is damaged permits nothing."""
    return permission_words(parse_tree(permissions))


class PrincipalResolver:
    """What is true of people. `moment`: seconds for which what was read is trusted, until `forget`."""

    def __init__(
        self, settings: AccessSettings, permitted: Permitted | None, moment: float
    ) -> None:
        self._settings = settings
        self._permitted = permitted
        self._known: TTLCache[tuple[str, str], Subjects] = TTLCache(moment)

    def for_role(self, role: str) -> list[str]:
        """What is true of everybody with this role: the role, and whatever the operator's switches exempt it from."""
        words = [f"role:{role}"]
        if self._settings.bypass_admin_access_control and role == "admin":
            words.append("bypass:admin")
        if self._settings.bypass_model_access_control and role != "pending":
            words.append("bypass:models")
        if self._settings.admin_chat_access and role == "admin":
            words.append("bypass:chats")
        if self._settings.admin_export and role == "admin":
            words.append("bypass:export")
        return words

    async def for_actor(self, actor: Actor) -> list[str]:
        """Everything that is true of somebody: role, groups, permissions."""
        groups = [f"member:{found['group_id']}" for found in await fetch_all(_GROUPS, actor.id)]
        tree = await self._permitted(actor.id) if self._permitted else {}
        return [*self.for_role(actor.role), f"user:{actor.id}", *groups, *permission_words(tree)]

    async def for_everyone(self) -> list[str]:
        """What the permission tree permits somebody who is in no group."""
        return permission_words(await self._permitted("") if self._permitted else {})

    async def effective(self, law: PolicySet, plan: ActionRules, actor: Actor) -> Subjects:
        """All that is true of somebody, as far as the plan asks, with what role lines add. Mostly without a statement."""
        if not (plan.uses_groups or plan.uses_permissions):
            return law.effective_principals((*self.for_role(actor.role), f"user:{actor.id}"))

        async def ask(_: tuple[str, str]) -> Subjects:
            return law.effective_principals(await self.for_actor(actor))

        if in_transaction():
            return await ask(("", ""))
        return await self._known.get_or_load((actor.id, actor.role), ask) or frozenset()

    def forget(self) -> None:
        """Trust nothing that was read before."""
        self._known.clear()
