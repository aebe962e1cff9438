"""Which of somebody's folders lies in which. Bears with rings, and with parents that are gone, in old rows."""

from collections import defaultdict
from collections.abc import Mapping


class FolderTree:
    """The folders of one owner, made of each one's parent; None = at the root."""

    def __init__(self, parents: Mapping[str, str | None]) -> None:
        self._parents = parents
        self._children: dict[str, set[str]] = defaultdict(set)
        for folder_id, parent_id in parents.items():
            if parent_id is not None:
                self._children[parent_id].add(folder_id)

    def __contains__(self, folder_id: str) -> bool:
        return folder_id in self._parents

    def depth(self, folder_id: str) -> int:
        """How many folders there are on the way from the root to this one, both counted."""
        seen: set[str] = set()
        at: str | None = folder_id
        while at is not None and at in self._parents and at not in seen:
            seen.add(at)
            at = self._parents[at]
        return len(seen)

    def levels(self, folder_id: str) -> list[set[str]]:
        """The folder itself, what lies in it, what lies in that, and so on."""
        levels: list[set[str]] = []
        seen: set[str] = set()
        level = {folder_id}
        while level:
            levels.append(level)
            seen |= level
            level = {child for one in level for child in self._children.get(one, ())} - seen
        return levels
