"""Loading a model with a permission check, and publishing changes of models."""

from typing import Any, Literal

from portico.api import AppContext, Forbidden, NotFound
from portico.api.auth import Actor
from portico.api.db import after_commit, fetch_one
from portico.api.policy import Resource
from portico_models.fields.model_ids import may_exist
from portico_models.records.resource_kind import KIND
from portico_models.workspace.events import ModelChanged


async def find_model(
    app: AppContext, actor: Actor, action: str, model_id: str
) -> tuple[dict[str, Any], Resource]:
    """Return the row of a model and its resource, if the actor may do `action` to it.

    Raises: NotFound if there is none or the actor may not read it, after the same work in both cases; Forbidden if they
    may read it but not do this.
    """
    if not may_exist(model_id):
        raise NotFound
    row = await fetch_one("SELECT * FROM models_model WHERE id = $1", model_id)
    resource = Resource(KIND, model_id, row["user_id"] if row else None)
    try:
        await app.permissions.require(actor, action, resource)
    except Forbidden:  # also raised for a missing model, if the actor may read every model
        if row is not None:
            raise
    if row is None:
        raise NotFound
    return row, resource


def publish_change(
    app: AppContext, model_id: str, change: Literal["created", "updated", "deleted"]
) -> None:
    """Publish `ModelChanged` after the commit."""
    after_commit(lambda: app.events.publish(ModelChanged(model_id, change)))
