"""Finding the record somebody wants to do something to, and telling what was done."""

from typing import Any, Literal

from portico.api import Actor, AppContext, Forbidden, NotFound, Resource, after_commit, fetch_one
from portico_models.events import ModelChanged
from portico_models.model_ids import may_exist
from portico_models.records import KIND


async def find(
    app: AppContext, actor: Actor, action: str, model_id: str
) -> tuple[dict[str, Any], Resource]:
    """The row, and what it is to decisions.

    Raises: NotFound, after the same work whether there is none or it is not the caller's to know; Forbidden for
    somebody who may read it and no more.
    """
    if not may_exist(model_id):
        raise NotFound
    found = await fetch_one("SELECT * FROM models_model WHERE id = $1", model_id)
    resource = Resource(KIND, model_id, found["user_id"] if found else None)
    try:
        await app.permissions.require(actor, action, resource)
    except Forbidden:  # by whoever may read all there are, also what is not there
        if found is not None:
            raise
    if found is None:
        raise NotFound
    return found, resource


def announce(
    app: AppContext, model_id: str, change: Literal["created", "updated", "deleted"]
) -> None:
    """Tell everybody of a change once it is committed."""
    after_commit(lambda: app.events.publish(ModelChanged(model_id, change)))
