"""What an author may do: base a model on another one, and share it."""

from dataclasses import dataclass
from typing import Any

from portico.api import AppContext, Forbidden, InvalidRequest
from portico.api.auth import Actor
from portico.api.db import fetch_all
from portico.api.models import MAX_CHAIN_LENGTH
from portico.api.policy import Resource, Sharing
from portico_models.fields.access_fields import RequestedSharing
from portico_models.records.draft import ModelDraft
from portico_models.records.resource_kind import KIND
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


@dataclass(frozen=True, slots=True)
class SharingRights:
    """With whom an actor may share: publicly, with users and groups."""

    may_share_publicly: bool
    may_share_with_users: bool
    private: Sharing
    everyone: Sharing

    def allows(self, wanted: Sharing) -> bool:
        """Return whether the actor may share like this."""
        return (self.may_share_publicly or not wanted.is_public) and (
            self.may_share_with_users or not wanted.names_principals
        )

    def check(self, wanted: Sharing) -> None:
        """Raises: Forbidden if the actor may not share like this."""
        if not self.allows(wanted):
            raise Forbidden

    def restricted(self, wanted: Sharing) -> Sharing:
        """Return the sharing, or a private one if the actor may not share like this."""
        return wanted if self.allows(wanted) else self.private

    @property
    def default_sharing(self) -> Sharing:
        """Return the sharing of a new model without access fields. Source: public, as clients of this API expect."""
        return self.restricted(self.everyone)


async def sharing_rights_of(app: AppContext, actor: Actor) -> SharingRights:
    """Return the sharing rights of an actor."""
    permissions = app.permissions
    return SharingRights(
        may_share_publicly=await permissions.allows_on_collection(actor, KIND, "share_publicly"),
        may_share_with_users=await permissions.allows_on_collection(
            actor, KIND, "share_with_users"
        ),
        private=permissions.grants.PRIVATE,
        everyone=permissions.grants.read(None),
    )


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


async def share(
    app: AppContext,
    actor: Actor,
    resource: Resource,
    requested: RequestedSharing | None,
    *,
    is_new: bool = False,
) -> None:
    """Store with whom a model is shared. Call it in the transaction that writes the model.

    `requested`: None = the sharing stays; of a new model, the default. Sharing that does not change is not checked
    again. Raises: InvalidRequest for users or groups that do not exist; Forbidden if the actor may not share this model
    like this.
    """
    grants = app.permissions.grants
    before = await grants.sharing_of(KIND, resource.id)
    if requested is None:
        wanted = (await sharing_rights_of(app, actor)).default_sharing if is_new else before
    elif requested.is_access_control and before.reads_as(requested.sharing):
        wanted = before  # a client that reads only `access_control` does not know the grants besides everyone
    else:
        wanted = requested.sharing
    if not wanted.same_as(before):
        await app.permissions.require(actor, "share", resource)
        (await sharing_rights_of(app, actor)).check(wanted)
    await grants.write(KIND, resource.id, wanted)
