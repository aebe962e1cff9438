"""Listing versions of models, and restoring a model."""

from typing import Any

import msgspec

from portico.api import AppContext, Forbidden, InvalidRequest, NotFound
from portico.api.auth import Actor
from portico.api.db import MAX_INT64, page_offset
from portico.api.messages import UNAUTHORIZED
from portico.api.resources import RequestedSharing, is_storable
from portico_models.fields.schemas import (
    Model,
    ModelForm,
    ModelVersion,
    VersionDocument,
    VersionPage,
)
from portico_models.records.resource_kind import KIND
from portico_models.records.versions import VersionStore
from portico_models.workspace.access import find_model, model_table
from portico_models.workspace.listing import PAGE_SIZE
from portico_models.workspace.service import Models


class ModelHistory:
    """Versions of models, for users who may write the model.

    Versions of a deleted model are for its owner, and for users who may override models of sources. If an id belonged
    to another owner's model before, only the latter see the versions of that time.
    """

    def __init__(self, app: AppContext, versions: VersionStore, models: Models) -> None:
        self._app = app
        self._versions = versions
        self._models = models

    async def page(self, actor: Actor, model_id: str, page: int) -> VersionPage:
        """Return a page of at most 30 changes, newest first. Raises: NotFound, Forbidden."""
        since, _ = await self._find_readable(actor, model_id)
        rows, total = await self._versions.page(
            model_id, since, offset=page_offset(page, PAGE_SIZE), limit=PAGE_SIZE
        )
        return VersionPage([_version(row) for row in rows], total)

    async def one(self, actor: Actor, model_id: str, number: int) -> VersionDocument:
        """Return one change, with the model as it was before it. Raises: NotFound, Forbidden."""
        since, _ = await self._find_readable(actor, model_id)
        row = await self._version(model_id, number, since)
        document = msgspec.Raw((row["document"] or "null").encode())
        return VersionDocument(**msgspec.structs.asdict(_version(row)), document=document)

    async def restore(self, actor: Actor, model_id: str, number: int) -> Model:
        """Restore a model to its state before a change, under the checks of an update or, if it was deleted, of a creation.

        Deleted users and groups are removed from its sharing; it becomes private if the actor may not share like that.
        Raises: as `Models.update`; for a deleted model as `Models.create`; InvalidRequest if the model did not exist before
        the change.
        """
        since, deletion = await self._find_readable(actor, model_id)
        row = await self._version(model_id, number, since)
        if row["document"] is None:
            raise InvalidRequest("[ERROR: number: the model did not exist before that change]")
        old = msgspec.json.decode(row["document"], type=Model)
        form = ModelForm(
            id=model_id,
            name=old.name,
            meta=old.meta,
            params=old.params,
            base_model_id=old.base_model_id,
            is_active=old.is_active,
        )
        sharing = await self._restored_sharing(actor, old)
        if deletion is None:
            return await self._models.update(actor, form, sharing, change="restored")
        owner = await self._restored_owner(actor, deletion["owner_id"])
        return await self._models.create(
            actor, form, sharing, owner_id=owner, created_at=old.created_at, change="restored"
        )

    async def _restored_sharing(self, actor: Actor, old: Model) -> RequestedSharing:
        grants = self._app.permissions.grants
        sharing = grants.read_rights(old.access_control, old.access_grants)
        wanted = await grants.without_missing(sharing or grants.PRIVATE)
        if not wanted.same_as(await grants.sharing_of(KIND, old.id)):
            wanted = (await model_table(self._app).rights_of(actor)).restricted(wanted)
        return RequestedSharing(wanted)

    async def _find_readable(
        self, actor: Actor, model_id: str
    ) -> tuple[int, dict[str, Any] | None]:
        """Return the first version number the actor may read, and the version of the deletion if the model is deleted.

        Raises: NotFound, Forbidden as for a change of the model.
        """
        if not is_storable(model_id):
            raise NotFound
        last = await self._versions.last(model_id)
        may_override = await self._app.permissions.allows_on_collection(actor, KIND, "override")
        since = 0 if may_override else await self._versions.created_at_number(model_id)
        if last is None or last["change"] != "deleted":
            await find_model(self._app, actor, "write", model_id)
            return since, None
        if not may_override and last["owner_id"] != actor.id:
            raise NotFound
        return since, last

    async def _version(self, model_id: str, number: int, since: int) -> dict[str, Any]:
        row = None
        if since <= number <= MAX_INT64:
            row = await self._versions.one(model_id, number)
        if row is None:
            raise NotFound
        return row

    async def _restored_owner(self, actor: Actor, former_owner_id: str) -> str:
        """Return the owner of a restored model. Raises: Forbidden if the actor may not create models."""
        permissions = self._app.permissions
        if former_owner_id == actor.id and not await permissions.allows_on_collection(
            actor, KIND, "override"
        ):
            if not await permissions.allows_on_collection(actor, KIND, "create"):
                raise Forbidden(UNAUTHORIZED)
            return actor.id
        # An actor who may not share another user's model becomes its owner.
        account = await self._app.identity.accounts.find(former_owner_id)
        may_share = await permissions.allows_on_all(actor, KIND, "share")
        return former_owner_id if account is not None and may_share else actor.id


def _version(row: dict[str, Any]) -> ModelVersion:
    return ModelVersion(**{name: row[name] for name in ModelVersion.__struct_fields__})
