"""What happens to models, for whoever listens. Published after the commit."""

from typing import Literal

import msgspec


class ModelChanged(msgspec.Struct, frozen=True):
    """A record of the workspace is new, another than before, or gone."""

    id: str
    change: Literal["created", "updated", "deleted"]
