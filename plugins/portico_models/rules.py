"""What an author may do: on which model theirs may stand, and with whom they may share it."""

from dataclasses import dataclass
from typing import Any

from portico.api import Actor, House, Invalid, Resource, Sharing, rows
from portico_models.footing import learn_footing
from portico_models.records import KIND, Draft
from portico_models.schemas import ModelForm

#: Presets that may stand on one another; the catalogue shows no longer chain.
LONGEST_CHAIN = 8
RING = "[ERROR: base_model_id: that model stands on this one]"
TOO_HIGH = f"[ERROR: base_model_id: at most {LONGEST_CHAIN} models stand on one another]"

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
    bases = [draft.base_model_id] if draft.base_model_id else []
    footing = await learn_footing(app, actor, bases)
    footing.check(draft.id, draft.base_model_id, before)


@dataclass(frozen=True, slots=True)
class Reach:
    """How far somebody may share: with everybody, with people and groups they name."""

    may_publish: bool
    may_invite: bool
    nobody: Sharing

    def narrowed(self, wanted: Sharing) -> Sharing:
        """What becomes of a sharing: nobody's, where its author may not share like that.

        Source: narrowed without a word, as clients of this API know it.
        """
        fits = (self.may_publish or not wanted.is_public) and (
            self.may_invite or not wanted.names_somebody
        )
        return wanted if fits else self.nobody


async def reach_of(app: House, actor: Actor) -> Reach:
    """How far somebody may share now."""
    permissions = app.permissions
    return Reach(
        may_publish=await permissions.may(actor, KIND, "publish"),
        may_invite=await permissions.may(actor, KIND, "invite"),
        nobody=permissions.grants.nobody,
    )


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
        raise Invalid(TOO_HIGH)


async def share(app: House, actor: Actor, form: ModelForm, resource: Resource) -> None:
    """Write down with whom a record is shared: with nobody, where its author may not share like that.

    Call it in the transaction that writes the record. What was shared before may stay so. Raises: Misshapen,
    Invalid for an `access_control` that is none; Forbidden for somebody who may write the record and not say who
    else may.
    """
    grants = app.permissions.grants
    wanted = grants.read(form.access_control)
    if not wanted.same_as(await grants.of(KIND, form.id)):
        await app.permissions.require(actor, "share", resource)
        wanted = (await reach_of(app, actor)).narrowed(wanted)
    await grants.write(KIND, form.id, wanted)
