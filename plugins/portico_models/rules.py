"""What an author may do: on which model theirs may stand, and with whom they may share it."""

from typing import Any

from portico.api import (
    MODEL_ID_TAKEN,
    UNAUTHORIZED,
    Actor,
    Forbidden,
    House,
    Invalid,
    Resource,
    rows,
)
from portico_models.naming import check_id, likeness
from portico_models.records import KIND, Draft
from portico_models.schemas import ModelForm

#: Presets that may stand on one another; the catalogue shows no longer chain.
LONGEST_CHAIN = 8
RING = "[ERROR: base_model_id: that model stands on this one]"

_CHAIN = (
    "WITH RECURSIVE chain (id, base, depth) AS ("  # noqa: S608 - the number is ours
    "SELECT id, base_model_id, 1 FROM models_model WHERE id = $1 UNION ALL "
    "SELECT below.id, below.base_model_id, chain.depth + 1 FROM models_model below "
    f"JOIN chain ON below.id = chain.base WHERE chain.depth < {LONGEST_CHAIN}) "
    "SELECT id, base FROM chain"
)


async def check_base(app: House, actor: Actor, draft: Draft, before: dict[str, Any] | None) -> None:
    """Whether somebody may have a record of this id stand on this base. May ask model sources.

    `before`: the row that is to be replaced. Raises: Invalid if a source has the id; Forbidden if the base, or a
    record without one, is not theirs to use.
    """
    was_override = before is not None and before["base_model_id"] is None
    may_override = await app.permissions.may(actor, KIND, "override")
    if draft.base_model_id is None:
        # Whoever overrides a source's model renames it, instructs it and opens it for all.
        if not was_override and not may_override:
            raise Forbidden(UNAUTHORIZED)
        return
    check_id(draft.base_model_id)
    if (before is None or was_override) and likeness(draft.id) in await _offered(app):
        raise Invalid(MODEL_ID_TAKEN)
    # Else a preset would open a model to its author, and to all it is shared with.
    if not may_override and not await app.catalogue.may_use(draft.base_model_id, actor):
        raise Forbidden(UNAUTHORIZED)


async def check_chain(draft: Draft) -> None:
    """Whether a preset ends up on something else than itself. Call it in the transaction that writes the record,
    after `begin_change`: two writers could close a ring together.

    Raises: Invalid for a ring, or a chain that is too long.
    """
    if draft.base_model_id is None:
        return
    below = await rows(_CHAIN, draft.base_model_id)
    if draft.id in {draft.base_model_id, *(one["base"] for one in below)}:
        raise Invalid(RING)
    if sum(one["base"] is not None for one in below) >= LONGEST_CHAIN:
        raise Invalid(
            f"[ERROR: base_model_id: at most {LONGEST_CHAIN} models stand on one another]"
        )


async def share(app: House, actor: Actor, form: ModelForm, resource: Resource) -> None:
    """Write down with whom a record is shared: with nobody, where its author may not share like that.

    Call it in the transaction that writes the record. Source: narrowed without a word, as clients of this API
    know it. What was shared before may stay so. Raises: Misshapen, Invalid for an `access_control` that is none;
    Forbidden for somebody who may write the record and not say who else may.
    """
    grants, permissions = app.permissions.grants, app.permissions
    wanted = grants.read(form.access_control)
    if not wanted.same_as(await grants.of(KIND, form.id)):
        await permissions.require(actor, "share", resource)
        needed = {"publish": wanted.is_public, "invite": wanted.names_somebody}
        for action, is_needed in needed.items():
            if is_needed and not await permissions.may(actor, KIND, action):
                wanted = grants.nobody
    await grants.write(KIND, form.id, wanted)


async def _offered(app: House) -> set[str]:
    """What the ids of sources look like; of `name:tag` the name alone as well, as Ollama's clients use it."""
    ids = await app.catalogue.offered_ids()
    return {likeness(one) for full in ids for one in (full, full.partition(":")[0])}
