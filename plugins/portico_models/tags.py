"""The tags of models, as their authors wrote them."""

from typing import Any

from portico.api import Actor, AppContext, fetch_all
from portico_models.records import KIND


async def tag_names(app: AppContext, actor: Actor) -> list[str]:
    """Every tag of a preset that somebody finds in the list, sorted; of those that look alike one."""
    listed = await app.permissions.where_allowed(actor, "list", KIND)
    found = await fetch_all(
        # From the models to their tags: those of models somebody does not find are never looked at.
        "SELECT DISTINCT name, label FROM models_tag WHERE model_id IN (SELECT models_model.id FROM models_model "  # noqa: S608
        f"WHERE models_model.base_model_id IS NOT NULL AND {listed.sql})",
        *listed.args,
    )
    # Sorted here: each database has an order of its own.
    labels = {one["name"]: one["label"] for one in sorted(found, key=_label, reverse=True)}
    return sorted(labels.values())


def _label(found: dict[str, Any]) -> str:
    return str(found["label"])
