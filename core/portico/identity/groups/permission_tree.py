"""The permission tree: the defaults, and what groups add.

Shape of a tree: `{"workspace": {"models": False, …}, "sharing": {…}, "chat": {…}, "features": {…}}`.
"""

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import msgspec

from portico.settings.permissions import PermissionDefaults

PermissionTree: TypeAlias = dict[str, dict[str, bool]]

#: Combinations of groups whose trees are cached.
MAX_COMBINATIONS = 1024


def default_tree(defaults: PermissionDefaults) -> PermissionTree:
    """Return the tree of an account without groups."""
    tree: PermissionTree = {}
    for name in defaults.__struct_fields__:
        section, _, word = name.partition("_")
        tree.setdefault(section, {})[word] = getattr(defaults, name)
    return tree


def effective(defaults: PermissionTree, granted: Iterable[object]) -> PermissionTree:
    """Merge the defaults with the permissions of groups; a group cannot take permissions away.

    Permissions that only a group has are kept. Only `true` grants; a text such as "no" does not.
    """
    tree = {section: dict(words) for section, words in defaults.items()}
    for grant in granted:
        for section, words in grant.items() if isinstance(grant, Mapping) else ():
            if isinstance(words, Mapping):
                known = tree.setdefault(section, {})
                for word, value in words.items():
                    known[word] = known.get(word, False) or value is True
    return tree


def allows(tree: PermissionTree, permission: str) -> bool:
    """Return whether a tree grants a permission such as `workspace.models`. Unknown permissions are not granted."""
    section, _, word = permission.partition(".")
    return tree.get(section, {}).get(word) is True


class EffectivePermissions(msgspec.Struct, frozen=True):
    """The permissions of one combination of groups, as a tree and as JSON."""

    tree: PermissionTree
    json: msgspec.Raw


class EffectivePermissionsCache:
    """Caches the effective trees for one set of defaults, by combination of groups.

    The key is the stored text of the groups, read with each request, so no entry has to be invalidated.
    """

    def __init__(self, defaults: PermissionTree) -> None:
        self.defaults = defaults
        self._cached: dict[tuple[str, ...], EffectivePermissions] = {}

    def of(self, granted: tuple[str, ...]) -> EffectivePermissions:
        """Return the effective permissions for these `permissions` of groups (JSON text each)."""
        permissions = self._cached.get(granted)
        if permissions is None:
            tree = effective(self.defaults, map(parse_tree, granted))
            permissions = EffectivePermissions(tree, msgspec.Raw(msgspec.json.encode(tree)))
            if len(self._cached) >= MAX_COMBINATIONS:
                self._cached.clear()
            self._cached[granted] = permissions
        return permissions


def parse_tree(text: str | None) -> Any:
    """Return the stored permissions of a group; None for damaged text, which must not prevent a sign-in."""
    try:
        return None if text is None else msgspec.json.decode(text)
    except msgspec.DecodeError:
        return None
