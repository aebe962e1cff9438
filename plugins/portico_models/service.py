"""What may be done with models, and by whom. Nothing here knows of HTTP."""

from collections.abc import Callable
from typing import Any, Literal

from portico.api import (
    MODEL_ID_TAKEN,
    AccountDeleting,
    Actor,
    AppContext,
    ForeignKeyViolation,
    GroupDeleting,
    InvalidRequest,
    NotFound,
    Resource,
    UniqueViolation,
    current_author,
    fetch_all,
    fetch_one,
    now,
    transaction,
)
from portico_models.access import announce, find
from portico_models.model_ids import check_id
from portico_models.records import KIND, ModelDraft, ModelRecords
from portico_models.schemas import Model, ModelForm, document
from portico_models.sharing_rules import check_base, check_chain, share
from portico_models.validation import read_meta, read_name, read_params
from portico_models.version_store import ChangeKind, CreationKind


class ConcurrentChange(InvalidRequest):
    """The record stands on another base by now than the one that was looked at."""

    default = "[ERROR: The model was changed meanwhile; try again]"


class Models:
    """The workspace's models. Ids that do not exist and those the caller may not read raise the same NotFound."""

    def __init__(self, app: AppContext) -> None:
        self._app = app
        self._grants = app.permissions.grants

    @property
    def _records(self) -> ModelRecords:
        return self._app.services.require(ModelRecords)

    # -- looking --------------------------------------------------------------------------------------------

    async def overrides(self) -> list[Model]:
        """Every record that changes a source's model, oldest first. For administrators."""
        found = await fetch_all(
            "SELECT * FROM models_model WHERE base_model_id IS NULL ORDER BY created_at, id"
        )
        shared = await self._grants.sharings_of(KIND)
        return [document(one, shared.get(one["id"], self._grants.PRIVATE)) for one in found]

    # -- changing -------------------------------------------------------------------------------------------

    async def create(
        self,
        actor: Actor,
        form: ModelForm,
        *,
        owner_id: str | None = None,
        created_at: int | None = None,
        change: CreationKind = "created",
    ) -> Model:
        """A new record of the caller's, or of `owner_id`. `born`: when it was made; None = now.

        Raises: Invalid if the id is taken, by a record or, for a preset, by a source's model, or if a value makes
        no sense; Forbidden if the base is not the caller's to use.
        """
        check_id(form.id)
        draft, owner_id = read_form(form), owner_id or actor.id
        await check_base(self._app, actor, draft, None)
        try:
            async with transaction():
                await self._records.begin_change()
                await check_chain(draft)
                await self._records.insert(
                    draft, owner_id, by=actor.id, at=now(), created_at=created_at, change=change
                )
                resource = Resource(KIND, form.id, owner_id)
                await share(self._app, actor, form, resource, is_new=True)
                announce(self._app, form.id, "created")
                return await self._written(form.id)
        except UniqueViolation as error:
            raise InvalidRequest(MODEL_ID_TAKEN) from error
        except ForeignKeyViolation as error:  # the account was deleted meanwhile
            raise NotFound from error

    async def update(
        self, actor: Actor, form: ModelForm, *, change: ChangeKind = "updated"
    ) -> Model:
        """Replace everything but id, owner and birth of a record; without rights in the form, these stay, too.

        What stays as it is is not checked again. Raises: as `create`; Changed if it was put on another base just then.
        """
        before, _ = await find(self._app, actor, "write", form.id)
        draft = read_form(form, before)
        await check_base(self._app, actor, draft, before)
        async with transaction():
            await self._records.begin_change()
            # Asked again now that no other writer can come in between: rights or record may be gone.
            now_there, resource = await find(self._app, actor, "write", form.id)
            if now_there["base_model_id"] != before["base_model_id"]:
                raise ConcurrentChange  # what was checked is a change from that base, or none at all
            return await self._replace(actor, form, draft, resource, change, before=before)

    async def transform(
        self, actor: Actor, model_id: str, make: Callable[[Model], ModelForm]
    ) -> Model:
        """Replace a record by what `make` makes of it: asked about the record as nobody else changes it meanwhile.

        Raises: as `create`; Changed if it was put on another base just then.
        """
        before, _ = await find(self._app, actor, "write", model_id)
        checked = read_form(make(await self._written(model_id)), before)
        await check_base(self._app, actor, checked, before)
        async with transaction():
            await self._records.begin_change()
            before, resource = await find(self._app, actor, "write", model_id)
            form = make(await self._written(model_id))
            draft = read_form(form, before)
            if draft.base_model_id != checked.base_model_id:
                raise ConcurrentChange
            return await self._replace(actor, form, draft, resource, "updated", before=before)

    async def toggle(self, actor: Actor, model_id: str) -> Model:
        """Turn a record off that is on, and the other way round."""
        async with transaction():
            await self._records.begin_change()
            await find(self._app, actor, "write", model_id)
            await self._records.toggle(model_id, by=actor.id, at=now())
            announce(self._app, model_id, "updated")
            return await self._written(model_id)

    async def delete(self, actor: Actor, model_id: str) -> None:
        """Delete a record, with its tags and shares."""
        async with transaction():
            await self._records.begin_change()
            await find(self._app, actor, "delete", model_id)
            await self._records.delete(model_id, by=actor.id, at=now())
            announce(self._app, model_id, "deleted")

    async def delete_all(self, actor: Actor) -> None:
        """Delete every record there is, or none."""
        async with transaction():
            await self._records.begin_change()
            ids = await self._records.ids_of()
            for model_id in await self._records.delete_many(ids, by=actor.id, at=now()):
                announce(self._app, model_id, "deleted")

    async def account_leaving(self, event: AccountDeleting) -> None:
        """The models of somebody who leaves go to the heir, or with them."""
        await self._records.begin_change()
        by, at = current_author(), now()
        if event.new_owner_id is None:
            gone = await self._records.ids_of(event.id)
            for model_id in await self._records.delete_many(gone, by=by, at=at):
                announce(self._app, model_id, "deleted")
            # All that is theirs was to go, so nothing of it is left to be restored.
            await self._records.history.forget(event.id)
        else:
            for model_id in await self._records.inherit(event.id, event.new_owner_id, by=by, at=at):
                announce(self._app, model_id, "updated")
        await self._unshare("user", event.id)

    async def group_leaving(self, event: GroupDeleting) -> None:
        """What was shared with a group is shared with one less."""
        await self._records.begin_change()
        await self._unshare("group", event.id)

    async def _unshare(self, principal_kind: Literal["user", "group"], principal_id: str) -> None:
        given = await self._grants.granted_to(principal_kind, principal_id)
        ids = given.get(KIND, [])
        await self._records.unshare(ids, by=current_author(), at=now())
        for model_id in ids:
            announce(self._app, model_id, "updated")

    async def _replace(
        self,
        actor: Actor,
        form: ModelForm,
        draft: ModelDraft,
        resource: Resource,
        change: ChangeKind,
        *,
        before: dict[str, Any],
    ) -> Model:
        """Write a record that is there, in a transaction that began with `begin_change`. `before`: its row."""
        if draft.base_model_id != before["base_model_id"]:
            await check_chain(draft)
        await self._records.update(draft, by=actor.id, at=now(), change=change)
        await share(self._app, actor, form, resource)
        announce(self._app, form.id, "updated")
        return await self._written(form.id)

    async def _written(self, model_id: str) -> Model:
        """A record as it is, for whoever wrote it; they may have given away the right to."""
        found = await fetch_one("SELECT * FROM models_model WHERE id = $1", model_id)
        if found is None:
            raise NotFound
        return document(found, await self._grants.sharing_of(KIND, model_id))


def read_form(form: ModelForm, before: dict[str, Any] | None = None) -> ModelDraft:
    """What a client wrote, checked and as it is stored. What is as in the row `before` is not checked again.

    Raises: Misshapen, Invalid.
    """
    was: dict[str, Any] = before or {}
    meta, tags = read_meta(form.meta, stored=was.get("meta"))
    return ModelDraft(
        id=form.id,
        base_model_id=form.base_model_id or None,
        name=read_name(form.name, was.get("name")),
        is_active=form.is_active,
        meta=meta,
        params=read_params(form.params, was.get("params")),
        tags=tags,
    )
