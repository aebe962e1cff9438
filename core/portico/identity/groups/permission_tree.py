"""The permission tree: what somebody may do, from the defaults and from what their groups add.

Shape of a tree: `{"workspace": {"models": False, …}, "sharing": {…}, "chat": {…}, "features": {…}}`.
"""

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import msgspec

from portico.settings.permissions import PermissionDefaults

PermissionTree: TypeAlias = dict[str, dict[str, bool]]

#: Different combinations of groups whose trees are remembered.
MAX_COMBINATIONS = 1024


def default_tree(defaults: PermissionDefaults) -> PermissionTree:
    """The tree of somebody who is in no group."""
    tree: PermissionTree = {}
    for name in defaults.__struct_fields__:
        section, _, word = name.partition("_")
        tree.setdefault(section, {})[word] = getattr(defaults, name)
    return tree


def effective(defaults: PermissionTree, granted: Iterable[object]) -> PermissionTree:
    """The defaults and what any group grants, leaf by leaf; a group cannot take away.

    Words that only a group knows are kept. Nothing but `true` grants: a text such as "no" is not a yes.
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
    """Whether a tree permits `workspace.models` or the like; nobody is permitted what the tree does not know."""
    section, _, word = permission.partition(".")
    return tree.get(section, {}).get(word) is True


class EffectivePermissions(msgspec.Struct, frozen=True):
    """What the members of one combination of groups may do: the tree, and the same as JSON."""

    tree: PermissionTree
    json: msgspec.Raw


class EffectivePermissionsCache:
    """Effective trees on one set of defaults, worked out once for each combination of groups.

    The key is the groups' own text as it was read with the request, so there is nothing to invalidate.
    """

    def __init__(self, defaults: PermissionTree) -> None:
        self.defaults = defaults
        self._cached: dict[tuple[str, ...], EffectivePermissions] = {}

    def of(self, granted: tuple[str, ...]) -> EffectivePermissions:
        """What somebody may do whose groups have these `permissions` (JSON text each)."""
        standing = self._cached.get(granted)
        if standing is None:
            tree = effective(self.defaults, map(parse_tree, granted))
            standing = EffectivePermissions(tree, msgspec.Raw(msgspec.json.encode(tree)))
            if len(self._cached) >= MAX_COMBINATIONS:
                self._cached.clear()
            self._cached[granted] = standing
        return standing


def parse_tree(text: str | None) -> Any:
    """What is stored with a group; a text that is damaged is nothing, and stops nobody from signing in."""
    try:
        return None if text is None else msgspec.json.decode(text)
    except msgspec.DecodeError:
        return None
