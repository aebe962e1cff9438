"""Events of folders, published after the commit."""

from typing import Literal, TypeAlias

import msgspec

Change: TypeAlias = Literal["created", "updated", "deleted"]


class FolderChanged(msgspec.Struct, frozen=True):
    """A folder was created, changed, moved or deleted. `user_id`: its owner."""

    id: str
    user_id: str
    change: Change
