"""The list of presets: query parameters, and the SQL that answers them.

SQL is built only from texts written here; what a client sends is passed as values.
"""

from typing import Any, Final

import msgspec

from portico.api import AppContext
from portico.api.auth import Actor
from portico.api.db import contains_pattern, fetch_all, page_offset
from portico.api.json import field_error
from portico.api.resources import ListedResource, ResourceFilter
from portico.api.text import likeness
from portico_models.fields.validation import tag_key
from portico_models.records.resource_kind import KIND
from portico_models.workspace.access import model_table

#: Items on one page of models, versions or templates.
PAGE_SIZE: Final = 30
#: Characters of a search text.
MAX_QUERY_CHARS: Final = 1024

_ORDERS: Final = {
    "": "models_model.created_at",
    "name": "models_model.search_text",
    "created_at": "models_model.created_at",
    "updated_at": "models_model.updated_at",
}


class ListQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Query of the list. `view_option`: `created` = the caller's own models, `shared` = those of others, else both."""

    query: str = ""
    view_option: str = ""
    tag: str = ""
    order_by: str = ""
    direction: str = ""
    page: int = 1

    def __post_init__(self) -> None:
        """Raises: ValidationError for an unknown order, or a text that is too long."""
        if self.order_by not in _ORDERS:
            raise field_error(
                "order_by",
                "value_error",
                f"Expected one of {', '.join(filter(None, _ORDERS))}",
                source="query",
            )
        for name in ("query", "tag"):
            if len(getattr(self, name)) > MAX_QUERY_CHARS:
                raise field_error(
                    name, "value_error", f"At most {MAX_QUERY_CHARS} characters", source="query"
                )

    @property
    def order(self) -> str:
        """Return the ORDER BY clause, newest first by default. The id breaks ties, so that pages never overlap."""
        direction = "ASC" if self.order_by and self.direction == "asc" else "DESC"
        return f"{_ORDERS[self.order_by]} {direction}, models_model.id"

    @property
    def offset(self) -> int:
        """Return the OFFSET of the page."""
        return page_offset(self.page, PAGE_SIZE)


async def list_models(
    app: AppContext, actor: Actor, query: ListQuery
) -> tuple[list[ListedResource], int]:
    """Return one page of presets, and the number of all."""
    return await model_table(app).page(
        actor,
        "list",
        _filter(actor, query),
        order=query.order,
        limit=PAGE_SIZE,
        offset=query.offset,
        in_thread=bool(query.query),
    )


def _filter(actor: Actor, query: ListQuery) -> ResourceFilter:
    presets = ResourceFilter()
    presets.add("models_model.base_model_id IS NOT NULL")
    if query.query:
        presets.add("search_text LIKE {} ESCAPE '!'", contains_pattern(likeness(query.query)))
    if query.tag:
        presets.add(
            "models_model.id IN (SELECT model_id FROM models_tag WHERE models_tag.name = {})",
            tag_key(query.tag),
        )
    if query.view_option == "created":
        presets.add("models_model.user_id = {}", actor.id)
    elif query.view_option == "shared":
        presets.add("models_model.user_id <> {}", actor.id)
    return presets


async def tag_names(app: AppContext, actor: Actor) -> list[str]:
    """Return the tags of the presets in the actor's list, sorted; one of those that differ only in case or form."""
    listed = await app.permissions.where_allowed(actor, "list", KIND)
    rows = await fetch_all(
        # Start from the visible models, so that tags of other models are never read.
        "SELECT DISTINCT name, label FROM models_tag WHERE model_id IN (SELECT models_model.id FROM models_model "  # noqa: S608
        f"WHERE models_model.base_model_id IS NOT NULL AND {listed.sql})",
        *listed.args,
    )
    # Sorted here: the order of texts differs between databases.
    labels = {row["name"]: row["label"] for row in sorted(rows, key=_label, reverse=True)}
    return sorted(labels.values())


def _label(row: dict[str, Any]) -> str:
    return str(row["label"])
