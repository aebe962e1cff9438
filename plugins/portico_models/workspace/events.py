"""Events about models. Published after the commit."""

from typing import Literal

import msgspec


class ModelChanged(msgspec.Struct, frozen=True):
    """A model was created, updated or deleted."""

    id: str
    change: Literal["created", "updated", "deleted"]
