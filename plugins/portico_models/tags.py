"""The tags of models, as their authors wrote them."""

from portico.api import Actor, House, rows
from portico_models.records import KIND


async def tag_names(app: House, actor: Actor) -> list[str]:
    """Every tag of a preset that somebody finds in the list, sorted, each once."""
    listed = await app.permissions.visible(actor, "list", KIND)
    found = await rows(
        # From the models to their tags: those of models somebody does not find are never looked at.
        "SELECT DISTINCT label FROM models_tag WHERE model_id IN (SELECT models_model.id FROM models_model "  # noqa: S608
        f"WHERE models_model.base_model_id IS NOT NULL AND {listed.sql})",
        *listed.args,
    )
    return sorted(one["label"] for one in found)
