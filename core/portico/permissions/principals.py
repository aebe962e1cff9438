"""Principals of an actor: what is true of them whatever the resource, before role rules add to it."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from portico.cache import TTLCache
from portico.db import fetch_all, in_transaction
from portico.identity import Actor, PermissionTree, granted_permissions, parse_tree
from portico.permissions.policy_set import ActionRules, PolicySet
from portico.permissions.subjects import (
    ADMIN_CHATS,
    ADMIN_EXPORT,
    BYPASS_ADMIN,
    BYPASS_MODELS,
    Subjects,
)
from portico.settings.schema import AccessSettings

_GROUPS = "SELECT group_id FROM portico_group_member WHERE account_id = $1"

#: Returns what the permission tree grants to the account with this id; an empty id = an account in no group.
Permitted: TypeAlias = Callable[[str], Awaitable[PermissionTree]]


def permission_principals(tree: object) -> list[str]:
    """Return a principal such as `permission:workspace.models` for each permission that a tree grants."""
    return sorted(f"permission:{leaf}" for leaf in granted_permissions(tree))


def group_permissions(permissions: str | None) -> list[str]:
    """Return the same for the stored JSON of a group; JSON that cannot be read grants nothing."""
    return permission_principals(parse_tree(permissions))


class PrincipalResolver:
    """Finds the principals of actors. `ttl_seconds`: how long a result is cached, unless `clear_cache` is called."""

    def __init__(
        self, settings: AccessSettings, permitted: Permitted | None, ttl_seconds: float
    ) -> None:
        self._settings = settings
        self._permitted = permitted
        self.cache: TTLCache[tuple[str, str], Subjects] = TTLCache(ttl_seconds)
        self._by_role: dict[str, tuple[str, ...]] = {}

    def for_role(self, role: str) -> tuple[str, ...]:
        """Return the principals that all accounts of a role have: the role and the active switches."""
        if role not in self._by_role:
            self._by_role[role] = self._of_role(role)
        return self._by_role[role]

    def _of_role(self, role: str) -> tuple[str, ...]:
        switches = {
            BYPASS_ADMIN: self._settings.bypass_admin_access_control and role == "admin",
            BYPASS_MODELS: self._settings.bypass_model_access_control and role != "pending",
            ADMIN_CHATS: self._settings.admin_chat_access and role == "admin",
            ADMIN_EXPORT: self._settings.admin_export and role == "admin",
        }
        return (f"role:{role}", *(switch for switch, is_on in switches.items() if is_on))

    async def for_actor(self, actor: Actor) -> list[str]:
        """Return all principals of an actor: role, switches, account, groups, permissions."""
        groups = [f"group:{row['group_id']}" for row in await fetch_all(_GROUPS, actor.id)]
        tree = await self._permitted(actor.id) if self._permitted else {}
        return [
            *self.for_role(actor.role),
            f"user:{actor.id}",
            *groups,
            *permission_principals(tree),
        ]

    async def for_everyone(self) -> list[str]:
        """Return what the permission tree grants to accounts that are in no group."""
        return permission_principals(await self._permitted("") if self._permitted else {})

    async def effective(self, policies: PolicySet, rules: ActionRules, actor: Actor) -> Subjects:
        """Return the principals of an actor that matter for these rules, with the roles that role rules give.

        Reads the database only if the rules depend on groups or permissions.
        """
        if not (rules.uses_groups or rules.uses_permissions):
            return policies.effective_principals((*self.for_role(actor.role), f"user:{actor.id}"))

        async def load(_: tuple[str, str]) -> Subjects:
            return policies.effective_principals(await self.for_actor(actor))

        if in_transaction():
            return await load(("", ""))
        return await self.cache.get_or_load((actor.id, actor.role), load) or frozenset()

    def clear_cache(self) -> None:
        """Read principals again at the next call."""
        self.cache.clear()
