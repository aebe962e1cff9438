"""What a model was, and making it so again."""

from typing import Any

import msgspec

from portico.api import UNAUTHORIZED, Actor, AppContext, Forbidden, InvalidRequest, NotFound
from portico_models.access import find
from portico_models.model_ids import may_exist
from portico_models.records import KIND, ModelRecords
from portico_models.schemas import Model, ModelForm, ModelVersion, VersionDocument, VersionPage
from portico_models.service import Models
from portico_models.sharing_rules import sharing_rights_of
from portico_models.version_store import PAGE

#: A database counts no further.
MOST = 2**63
#: Pages beyond are empty anyway.
LAST_PAGE = 2**32


class ModelHistory:
    """The history of models, for whoever may write them.

    Of a model that was deleted, for whoever owned it, and for whoever may override what sources offer. An id that
    was another's before shows nothing of that time, but to the latter.
    """

    def __init__(self, app: AppContext, models: Models) -> None:
        self._app = app
        self._models = models

    @property
    def _records(self) -> ModelRecords:
        return self._app.services.require(ModelRecords)

    async def page(self, actor: Actor, model_id: str, page: int) -> VersionPage:
        """A page of at most 30 changes, newest first. Raises: NotFound, Forbidden."""
        since, _ = await self._opened(actor, model_id)
        skip = (min(max(page, 1), LAST_PAGE) - 1) * PAGE
        found, total = await self._records.history.page(model_id, since, skip)
        return VersionPage([_version(one) for one in found], total)

    async def one(self, actor: Actor, model_id: str, number: int) -> VersionDocument:
        """One change, with what the model was before it. Raises: NotFound, Forbidden."""
        since, _ = await self._opened(actor, model_id)
        found = await self._version(model_id, number, since)
        document = msgspec.Raw((found["document"] or "null").encode())
        return VersionDocument(**msgspec.structs.asdict(_version(found)), document=document)

    async def restore(self, actor: Actor, model_id: str, number: int) -> Model:
        """Make a model what it was before a change, as if its author wrote it so today.

        People and groups that are gone are left out of what it was shared with; it is private where the caller may
        not share like that. Raises: as `Models.update`, and
        for a model that was deleted as `Models.create`; Invalid if there was nothing before the change.
        """
        since, gone = await self._opened(actor, model_id)
        found = await self._version(model_id, number, since)
        if found["document"] is None:
            raise InvalidRequest("[ERROR: number: there was no model before that change]")
        then = msgspec.json.decode(found["document"], type=Model)
        form = ModelForm(
            id=model_id,
            name=then.name,
            meta=then.meta,
            params=then.params,
            base_model_id=then.base_model_id,
            access_grants=await self._shared_again(actor, then),
            is_active=then.is_active,
        )
        if gone is None:
            return await self._models.update(actor, form, change="restored")
        owner = await self._owner(actor, gone["owner_id"])
        return await self._models.create(
            actor, form, owner_id=owner, created_at=then.created_at, change="restored"
        )

    async def _shared_again(self, actor: Actor, then: Model) -> msgspec.Raw:
        grants = self._app.permissions.grants
        said = grants.read_rights(then.access_control, then.access_grants)
        wanted = await grants.without_missing(said or grants.PRIVATE)
        if not wanted.same_as(await grants.sharing_of(KIND, then.id)):
            wanted = (await sharing_rights_of(self._app, actor)).restricted(wanted)
        return wanted.grants()

    async def _opened(self, actor: Actor, model_id: str) -> tuple[int, dict[str, Any] | None]:
        """From which number on somebody may look; and how the model was deleted, if it was.

        Raises: NotFound, Forbidden as for a change of the model.
        """
        if not may_exist(model_id):
            raise NotFound
        history = self._records.history
        last = await history.last(model_id)
        may_override = await self._app.permissions.allows_on_collection(actor, KIND, "override")
        since = 0 if may_override else await history.birth(model_id)
        if last is None or last["change"] != "deleted":
            await find(self._app, actor, "write", model_id)
            return since, None
        if not may_override and last["owner_id"] != actor.id:
            raise NotFound
        return since, last

    async def _version(self, model_id: str, number: int, since: int) -> dict[str, Any]:
        found = None
        if since <= number < MOST:
            found = await self._records.history.one(model_id, number)
        if found is None:
            raise NotFound
        return found

    async def _owner(self, actor: Actor, former: str) -> str:
        """Whose a restored model is. Raises: Forbidden for somebody who makes none."""
        permissions = self._app.permissions
        if former == actor.id and not await permissions.allows_on_collection(
            actor, KIND, "override"
        ):
            if not await permissions.allows_on_collection(actor, KIND, "create"):
                raise Forbidden(UNAUTHORIZED)
            return actor.id
        # Whoever could not say who has access to somebody else's model takes it over.
        there = await self._app.identity.accounts.find(former)
        may_share = await permissions.allows_on_all(actor, KIND, "share")
        return former if there is not None and may_share else actor.id


def _version(found: dict[str, Any]) -> ModelVersion:
    return ModelVersion(**{name: found[name] for name in ModelVersion.__struct_fields__})
