"""What happens to folders, for whoever listens. Published after the commit."""

from typing import Literal, TypeAlias

import msgspec

Change: TypeAlias = Literal["created", "updated", "deleted"]


class FolderChanged(msgspec.Struct, frozen=True):
    """Somebody's folder is new, another or elsewhere than before, or gone. `user_id`: whose it is."""

    id: str
    user_id: str
    change: Change
