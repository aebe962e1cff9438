"""A record as somebody wants it to be: checked, and as it is stored."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from portico.api import likeness

#: Characters of `sought` that are kept, so that an index can hold it: at most 2600 bytes.
SOUGHT: Final = 650


def sought_in(name: str, base_model_id: str | None) -> str:
    """What a search looks into: the name, a line break, the id of the base model."""
    return f"{likeness(name)}\n{likeness(base_model_id or '')}"[:SOUGHT]


class ModelDraft(msgspec.Struct, frozen=True, kw_only=True):
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
        sought = sought_in(self.name, self.base_model_id)
        return (
            self.id,
            self.base_model_id,
            self.name,
            sought,
            self.is_active,
            self.meta,
            self.params,
        )
