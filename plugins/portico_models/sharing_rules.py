"""What an author may do: on which model theirs may stand, and with whom they may share it."""

from dataclasses import dataclass
from typing import Any

from msgspec import UNSET

from portico.api import Actor, AppContext, Forbidden, InvalidRequest, Resource, Sharing, fetch_all
from portico_models.base_models import load_base_access
from portico_models.records import KIND, ModelDraft
from portico_models.schemas import ModelForm

#: Presets that may stand on one another; the catalogue shows no longer chain.
LONGEST_CHAIN = 8
CYCLE_MESSAGE = "[ERROR: base_model_id: that model stands on this one]"
TOO_DEEP_MESSAGE = f"[ERROR: base_model_id: at most {LONGEST_CHAIN} models stand on one another]"

_CHAIN = (
    "WITH RECURSIVE chain (id, base, depth) AS ("  # noqa: S608 - the number is ours
    "SELECT id, base_model_id, 1 FROM models_model WHERE id = $1 UNION ALL "
    "SELECT below.id, below.base_model_id, chain.depth + 1 FROM models_model below "
    f"JOIN chain ON below.id = chain.base WHERE chain.depth < {LONGEST_CHAIN}) "
    "SELECT id, base FROM chain"
)


async def check_base(
    app: AppContext, actor: Actor, draft: ModelDraft, before: dict[str, Any] | None
) -> None:
    """Whether somebody may have a record of this id stand on this base. May ask model sources.

    `before`: the row that is to be replaced. Raises: Invalid if a source has the id; Forbidden if the base, or a
    record without one, is not theirs to use.
    """
    bases = [draft.base_model_id] if draft.base_model_id else []
    footing = await load_base_access(app, actor, bases)
    footing.check(draft.id, draft.base_model_id, before)


@dataclass(frozen=True, slots=True)
class SharingRights:
    """How far somebody may share: with everybody, with people and groups they name."""

    may_publish: bool
    may_invite: bool
    nobody: Sharing
    everyone: Sharing

    def allows(self, wanted: Sharing) -> bool:
        """Whether they may share like that."""
        return (self.may_publish or not wanted.is_public) and (
            self.may_invite or not wanted.names_somebody
        )

    def check(self, wanted: Sharing) -> None:
        """Raises: Forbidden for a sharing that they may not ask for."""
        if not self.allows(wanted):
            raise Forbidden

    def restricted(self, wanted: Sharing) -> Sharing:
        """What becomes of a sharing that they did not ask for themselves: nobody's, where they may not share so."""
        return wanted if self.allows(wanted) else self.nobody

    @property
    def unsaid(self) -> Sharing:
        """Who has access to a new record that says nothing of it. Source: everyone, as clients of this API know it."""
        return self.restricted(self.everyone)


async def sharing_rights_of(app: AppContext, actor: Actor) -> SharingRights:
    """How far an actor may share now."""
    permissions = app.permissions
    return SharingRights(
        may_publish=await permissions.allows_on_collection(actor, KIND, "publish"),
        may_invite=await permissions.allows_on_collection(actor, KIND, "invite"),
        nobody=permissions.grants.PRIVATE,
        everyone=permissions.grants.read(None),
    )


async def check_chain(draft: ModelDraft) -> None:
    """Whether a preset ends up on something else than itself. Call it in the transaction that writes the record,
    after `begin_change`: two writers could close a ring together.

    Raises: Invalid for a ring, or a chain that is too long.
    """
    if draft.base_model_id is None:
        return
    below = await fetch_all(_CHAIN, draft.base_model_id)
    if draft.id in {draft.base_model_id, *(one["base"] for one in below)}:
        raise InvalidRequest(CYCLE_MESSAGE)
    if sum(one["base"] is not None for one in below) >= LONGEST_CHAIN:
        raise InvalidRequest(TOO_DEEP_MESSAGE)


async def share(
    app: AppContext, actor: Actor, form: ModelForm, resource: Resource, *, is_new: bool = False
) -> None:
    """Write down with whom a record is shared. Call it in the transaction that writes the record.

    What was shared before may stay so. Raises: Misshapen, Invalid for rights that cannot be read, or name users
    or groups that do not exist; Forbidden if the author may write the record and not share it, or not like that.
    """
    grants = app.permissions.grants
    wanted = grants.read_rights(form.access_control, form.access_grants)
    was = await grants.sharing_of(KIND, form.id)
    if wanted is None:
        wanted = (await sharing_rights_of(app, actor)).unsaid if is_new else was
    elif form.access_grants is UNSET and was.reads_as(wanted):
        wanted = was  # a client that knows only `access_control` does not see those who have access besides everyone
    if not wanted.same_as(was):
        await app.permissions.require(actor, "share", resource)
        (await sharing_rights_of(app, actor)).check(wanted)
    await grants.write(KIND, form.id, wanted)
