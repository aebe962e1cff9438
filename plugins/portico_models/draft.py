"""A record as somebody wants it to be: checked, and as it is stored."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

#: Characters of `sought` that are kept, so that an index can hold it: at most 2600 bytes.
SOUGHT: Final = 650


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """What a client wants a record to be: checked, and as it is stored.

    `tags`: by what they are found by, as their author wrote them.
    """

    id: str
    base_model_id: str | None
    name: str
    is_active: bool
    meta: str
    params: str
    tags: Mapping[str, str]

    @property
    def columns(self) -> tuple[Any, ...]:
        """Values in the order in which the statements name them."""
        sought = f"{self.name}\n{self.base_model_id or ''}".casefold()
        return (
            self.id,
            self.base_model_id,
            self.name,
            sought[:SOUGHT],
            self.is_active,
            self.meta,
            self.params,
        )
