"""What happens to chats, for whoever listens. Published after the commit."""

from typing import Literal

import msgspec


class ChatChanged(msgspec.Struct, frozen=True):
    """Somebody's chat is new, another than before, or gone. `user_id`: whose it is."""

    id: str
    user_id: str
    change: Literal["created", "updated", "deleted"]
