"""A model as it will be stored."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from portico.api.text import likeness

#: Characters of the search text, so that an index entry has at most 2600 bytes.
MAX_SEARCH_TEXT_CHARS: Final = 650


def search_text(name: str, base_model_id: str | None) -> str:
    """Return the text that a search matches: the name, a line break, the id of the base model."""
    return f"{likeness(name)}\n{likeness(base_model_id or '')}"[:MAX_SEARCH_TEXT_CHARS]


class ModelDraft(msgspec.Struct, frozen=True, kw_only=True):
    """A model as it will be stored: checked, `meta` and `params` as JSON text.

    `tags`: labels as their author wrote them, by the key they are compared by.
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
        """Return the values in the order of the SQL statements."""
        text = search_text(self.name, self.base_model_id)
        return (
            self.id,
            self.base_model_id,
            self.name,
            text,
            self.is_active,
            self.meta,
            self.params,
        )
