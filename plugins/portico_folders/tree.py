"""The tree of an account's folders. Old rows may contain cycles and missing parents."""

from collections import defaultdict
from collections.abc import Mapping


class FolderTree:
    """The folders of one account, given the parent of each; None = at the root."""

    def __init__(self, parents: Mapping[str, str | None]) -> None:
        self._parents = parents
        self._children: dict[str, set[str]] = defaultdict(set)
        for folder_id, parent_id in parents.items():
            if parent_id is not None:
                self._children[parent_id].add(folder_id)

    def __contains__(self, folder_id: str) -> bool:
        return folder_id in self._parents

    def depth(self, folder_id: str) -> int:
        """Return the number of folders from the root to this one, both included."""
        seen: set[str] = set()
        at: str | None = folder_id
        while at is not None and at in self._parents and at not in seen:
            seen.add(at)
            at = self._parents[at]
        return len(seen)

    def levels(self, folder_id: str) -> list[set[str]]:
        """Return the folder itself, its children, their children, and so on."""
        levels: list[set[str]] = []
        seen: set[str] = set()
        level = {folder_id}
        while level:
            levels.append(level)
            seen |= level
            level = {child for one in level for child in self._children.get(one, ())} - seen
        return levels
