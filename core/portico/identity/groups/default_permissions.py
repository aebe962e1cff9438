"""Default permissions: set by the operator, else stored by an administrator, else built in."""

from collections.abc import Collection, Mapping
from typing import Any

from msgspec import UNSET

from portico import audit
from portico.db import transaction
from portico.errors import InvalidRequest
from portico.identity.groups.permission_tree import (
    EffectivePermissionsCache,
    PermissionTree,
    default_tree,
)
from portico.identity.groups.permission_validation import (
    check_may_grant,
    granted_permissions,
    read_defaults,
)
from portico.runtime_settings import PINNED, SettingsStore
from portico.settings.permissions import PermissionDefaults

#: Prefix of the names of stored values, such as `permissions.chat.delete`.
PREFIX = "permissions."


class DefaultPermissions:
    """The default permission tree of an application, and the effective trees that are based on it.

    `pinned`: the fields of `PermissionDefaults` that the operator set; stored values of these are ignored.
    """

    def __init__(
        self,
        configured: PermissionDefaults,
        pinned: Collection[str],
        store: SettingsStore,
    ) -> None:
        self._configured = default_tree(configured)
        self._pinned = {_name(*name.split("_", 1)) for name in pinned}
        self._store = store
        self._stored: Mapping[str, Any] = {}
        self._trees = EffectivePermissionsCache(self._configured)

    async def trees(self) -> EffectivePermissionsCache:
        """Return the effective trees for the current defaults. A change of the defaults starts a new cache."""
        stored = await self._store.get(PREFIX)
        if self._store.is_changing():
            return EffectivePermissionsCache(self._merged(stored))
        if stored is not self._stored:
            if stored != self._stored:
                self._trees = EffectivePermissionsCache(self._merged(stored))
            self._stored = stored
        return self._trees

    async def tree(self) -> PermissionTree:
        """Return the tree of an account without groups. The result is shared: do not change it."""
        return (await self.trees()).defaults

    async def change(
        self, given: Mapping[str, Any], by: str, within: PermissionTree | None = None
    ) -> PermissionTree:
        """Store another default tree on behalf of an account. Returns the tree that is active now.

        Shape of `given`: all sections; missing permissions are as configured, unknown ones are dropped. `within`: the
        permissions that may be granted; None = all. Raises: ValidationError, Forbidden; InvalidRequest for another
        value of a pinned permission.
        """
        wanted = _flatten(read_defaults(given, self._configured))
        fixed = _flatten(self._configured)
        for name in sorted(self._pinned):
            if wanted[name] != fixed[name]:
                raise InvalidRequest(f"[ERROR: {name.removeprefix(PREFIX)}: {PINNED}]")
        values = {name: value for name, value in wanted.items() if name not in self._pinned}
        configured = _flatten(self._configured)
        async with transaction():
            before = await self._store.set(values, by)
            old = {
                name: value if isinstance(value, bool) else configured[name]
                for name, value in before.items()
            }
            changed = {name: value for name, value in old.items() if value != wanted[name]}
            new = {name: wanted[name] for name in changed}
            check_may_grant(granted_permissions(_unflatten(new)), within)
            if changed:
                await audit.record_change(
                    "default_permissions.changed",
                    "default_permissions",
                    "default",
                    _unflatten(changed),
                    _unflatten(new),
                )
        return await self.tree()

    async def are_stored(self) -> bool:
        """Return whether administrators have changed any permission."""
        return bool(await self._store.get(PREFIX))

    async def reset(self, by: str) -> None:
        """Return all permissions that are not pinned to what is configured."""
        stored = await self._store.get(PREFIX)
        names = {n for n, value in stored.items() if isinstance(value, bool)} - self._pinned
        await self.restore(dict.fromkeys(names, UNSET), by)

    async def restore(self, values: Mapping[str, Any], by: str) -> None:
        """Store earlier values by stored name; UNSET = as configured. Raises: InvalidRequest for a pinned permission."""
        fixed = _flatten(self._configured)
        wanted = {
            name: fixed[name] if value is UNSET else bool(value)
            for name, value in values.items()
            if name in fixed
        }
        tree = _flatten(await self.tree())
        for name in sorted(self._pinned & wanted.keys()):
            if wanted[name] != tree[name]:
                raise InvalidRequest(f"[ERROR: {name.removeprefix(PREFIX)}: {PINNED}]")
        old = {name: tree[name] for name in wanted if tree[name] != wanted[name]}
        await self._store.set({name: values[name] for name in wanted}, by)
        if old:
            await audit.record_change(
                "default_permissions.changed",
                "default_permissions",
                "default",
                _unflatten(old),
                _unflatten({name: wanted[name] for name in old}),
            )

    def _merged(self, stored: Mapping[str, Any]) -> PermissionTree:
        """Return the configured tree, overridden by stored booleans that are not pinned."""
        tree: PermissionTree = {section: dict(words) for section, words in self._configured.items()}
        for section, words in tree.items():
            for word in words:
                name = _name(section, word)
                value = stored.get(name)
                if isinstance(value, bool) and name not in self._pinned:
                    words[word] = value
        return tree


def _name(section: str, word: str) -> str:
    return f"{PREFIX}{section}.{word}"


def _flatten(tree: PermissionTree) -> dict[str, bool]:
    return {
        _name(section, word): value
        for section, words in tree.items()
        for word, value in words.items()
    }


def _unflatten(leaves: Mapping[str, bool]) -> PermissionTree:
    tree: PermissionTree = {}
    for name, value in leaves.items():
        section, _, word = name.removeprefix(PREFIX).partition(".")
        tree.setdefault(section, {})[word] = value
    return tree
