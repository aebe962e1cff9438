"""Loading a model with a permission check, and publishing changes of models."""

from typing import Any, Literal

from portico.api import AppContext
from portico.api.auth import Actor
from portico.api.db import after_commit
from portico.api.policy import Resource
from portico.api.resources import ResourceTable
from portico_models.records.resource_kind import MODELS
from portico_models.workspace.events import ModelChanged


def model_table(app: AppContext) -> ResourceTable:
    """Return the table of models, as actors may use it."""
    return ResourceTable(app.permissions, MODELS)


async def find_model(
    app: AppContext, actor: Actor, action: str, model_id: str
) -> tuple[dict[str, Any], Resource]:
    """Return the row of a model and its resource, if the actor may do `action` to it.

    Raises: NotFound if there is none or the actor may not read it, after the same work in both cases; Forbidden if they
    may read it but not do this.
    """
    return await model_table(app).find(actor, action, model_id)


def publish_change(
    app: AppContext, model_id: str, change: Literal["created", "updated", "deleted"]
) -> None:
    """Publish `ModelChanged` after the commit."""
    after_commit(lambda: app.events.publish(ModelChanged(model_id, change)))
