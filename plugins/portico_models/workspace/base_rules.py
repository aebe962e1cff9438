"""On which models an author may base another one."""

from typing import Any

from portico.api import AppContext, InvalidRequest
from portico.api.auth import Actor
from portico.api.db import fetch_all
from portico.api.models import MAX_CHAIN_LENGTH
from portico_models.records.draft import ModelDraft
from portico_models.workspace.base_models import load_base_access

CYCLE_MESSAGE = "[ERROR: base_model_id: that model is based on this one]"
TOO_DEEP_MESSAGE = (
    f"[ERROR: base_model_id: at most {MAX_CHAIN_LENGTH} models may be based on one another]"
)

_CHAIN = (
    "WITH RECURSIVE chain (id, base, depth) AS ("  # noqa: S608 - the number is a constant
    "SELECT id, base_model_id, 1 FROM models_model WHERE id = $1 UNION ALL "
    "SELECT base.id, base.base_model_id, chain.depth + 1 FROM models_model base "
    f"JOIN chain ON base.id = chain.base WHERE chain.depth < {MAX_CHAIN_LENGTH}) "
    "SELECT id, base FROM chain"
)


async def check_base(
    app: AppContext, actor: Actor, draft: ModelDraft, before: dict[str, Any] | None
) -> None:
    """Check that the actor may save this model with its base. May query model sources.

    `before`: the row that is replaced. Raises: InvalidRequest if a source has the id; Forbidden if the actor may not use
    the base, or may not override.
    """
    bases = [draft.base_model_id] if draft.base_model_id else []
    base_access = await load_base_access(app, actor, bases)
    base_access.check(draft.id, draft.base_model_id, before)


async def check_chain(draft: ModelDraft) -> None:
    """Check that the chain of base models of a preset ends, and is short enough.

    Call it in the transaction that writes the model, after `begin_change`: two writers could create a cycle together.
    Raises: InvalidRequest for a cycle, or a chain that is too long.
    """
    if draft.base_model_id is None:
        return
    bases = await fetch_all(_CHAIN, draft.base_model_id)
    if draft.id in {draft.base_model_id, *(one["base"] for one in bases)}:
        raise InvalidRequest(CYCLE_MESSAGE)
    if sum(one["base"] is not None for one in bases) >= MAX_CHAIN_LENGTH:
        raise InvalidRequest(TOO_DEEP_MESSAGE)
