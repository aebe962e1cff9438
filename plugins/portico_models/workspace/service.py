"""Creating, changing and deleting models, with permission checks. Independent of HTTP."""

from collections.abc import Callable
from typing import Any, Literal

from portico.api import AppContext, InvalidRequest, NotFound
from portico.api.audit import current_author
from portico.api.auth import AccountDeleting, Actor, GroupDeleting
from portico.api.db import (
    ForeignKeyViolation,
    UniqueViolation,
    fetch_all,
    fetch_one,
    now,
    transaction,
)
from portico.api.messages import MODEL_ID_TAKEN
from portico.api.policy import Resource
from portico.api.resources import RequestedSharing
from portico_models.fields.model_ids import check_id
from portico_models.fields.schemas import Model, ModelForm, model_document
from portico_models.fields.validation import read_meta, read_name, read_params
from portico_models.records.draft import ModelDraft
from portico_models.records.resource_kind import KIND
from portico_models.records.rows import ids_of
from portico_models.records.versions import ChangeKind, CreationKind
from portico_models.records.writer import ModelWriter
from portico_models.workspace.access import find_model, model_table, publish_change
from portico_models.workspace.base_rules import check_base, check_chain
from portico_models.workspace.knowledge import check_knowledge


class ConcurrentChange(InvalidRequest):
    """The base model changed after it was checked."""

    default = "[ERROR: The model was changed meanwhile; try again]"


class Models:
    """The models of the workspace. Missing models and those the caller may not read raise the same NotFound."""

    def __init__(self, app: AppContext, writer: ModelWriter) -> None:
        self._app = app
        self._writer = writer
        self._grants = app.permissions.grants

    # -- reading --------------------------------------------------------------------------------------------

    async def overrides(self) -> list[Model]:
        """Return every override of a source's model, oldest first. For administrators."""
        found = await fetch_all(
            "SELECT * FROM models_model WHERE base_model_id IS NULL ORDER BY created_at, id"
        )
        sharings = await self._grants.sharings_of(KIND)
        return [model_document(one, sharings.get(one["id"], self._grants.PRIVATE)) for one in found]

    # -- writing --------------------------------------------------------------------------------------------

    async def create(
        self,
        actor: Actor,
        form: ModelForm,
        sharing: RequestedSharing | None,
        *,
        owner_id: str | None = None,
        created_at: int | None = None,
        change: CreationKind = "created",
    ) -> Model:
        """Create a model. `owner_id`: default the actor. `created_at`: default now.

        Raises: InvalidRequest if a model, or for a preset a source's model, has the id, or if a value is invalid; Forbidden
        if the actor may not use the base.
        """
        check_id(form.id)
        draft, owner_id = read_form(form), owner_id or actor.id
        await check_base(self._app, actor, draft, None)
        try:
            async with transaction():
                await self._writer.begin_change()
                await check_chain(draft)
                await self._writer.insert(
                    draft, owner_id, by=actor.id, at=now(), created_at=created_at, change=change
                )
                resource = Resource(KIND, form.id, owner_id)
                await model_table(self._app).share(actor, resource, sharing, is_new=True)
                publish_change(self._app, form.id, "created")
                return await self._read_back(form.id)
        except UniqueViolation as error:
            raise InvalidRequest(MODEL_ID_TAKEN) from error
        except ForeignKeyViolation as error:  # the account was deleted meanwhile
            raise NotFound from error

    async def update(
        self,
        actor: Actor,
        form: ModelForm,
        sharing: RequestedSharing | None,
        *,
        change: ChangeKind = "updated",
    ) -> Model:
        """Replace everything of a model but its id, owner and creation time; without access fields, sharing stays, too.

        Values that stay are not checked again. Raises: as `create`; ConcurrentChange if its base model changed meanwhile.
        """
        before, _ = await find_model(self._app, actor, "write", form.id)
        draft = read_form(form, before)
        await check_base(self._app, actor, draft, before)
        async with transaction():
            await self._writer.begin_change()
            # Checked again now that other writers wait: the permission may have been removed, or the model deleted.
            current, resource = await find_model(self._app, actor, "write", form.id)
            if current["base_model_id"] != before["base_model_id"]:
                raise ConcurrentChange  # the check above was for a change from the former base
            return await self._replace(
                actor, draft, sharing, resource=resource, before=before, change=change
            )

    async def transform(
        self,
        actor: Actor,
        model_id: str,
        sharing: RequestedSharing | None,
        change: Callable[[Model], ModelForm],
    ) -> Model:
        """Replace a model with the result of `change`, which is called while no other writer can change the model.

        Raises: as `create`; ConcurrentChange if its base model changed meanwhile.
        """
        before, _ = await find_model(self._app, actor, "write", model_id)
        checked = read_form(change(await self._read_back(model_id)), before)
        await check_base(self._app, actor, checked, before)
        async with transaction():
            await self._writer.begin_change()
            before, resource = await find_model(self._app, actor, "write", model_id)
            form = change(await self._read_back(model_id))
            draft = read_form(form, before)
            if draft.base_model_id != checked.base_model_id:
                raise ConcurrentChange
            return await self._replace(
                actor, draft, sharing, resource=resource, before=before, change="updated"
            )

    async def toggle(self, actor: Actor, model_id: str) -> Model:
        """Switch a model off if it is on, and on if it is off."""
        async with transaction():
            await self._writer.begin_change()
            await find_model(self._app, actor, "write", model_id)
            await self._writer.toggle(model_id, by=actor.id, at=now())
            publish_change(self._app, model_id, "updated")
            return await self._read_back(model_id)

    async def delete(self, actor: Actor, model_id: str) -> None:
        """Delete a model with its tags and grants."""
        async with transaction():
            await self._writer.begin_change()
            await find_model(self._app, actor, "delete", model_id)
            await self._writer.delete(model_id, by=actor.id, at=now())
            publish_change(self._app, model_id, "deleted")

    async def delete_all(self, actor: Actor) -> None:
        """Delete all models in one transaction."""
        async with transaction():
            await self._writer.begin_change()
            ids = await ids_of()
            for model_id in await self._writer.delete_many(ids, by=actor.id, at=now()):
                publish_change(self._app, model_id, "deleted")

    async def on_account_deleting(self, event: AccountDeleting) -> None:
        """Transfer the models of a deleted account to the new owner, or delete them."""
        await self._writer.begin_change()
        by, at = current_author(), now()
        if event.new_owner_id is None:
            ids = await ids_of(event.id)
            for model_id in await self._writer.delete_many(ids, by=by, at=at):
                publish_change(self._app, model_id, "deleted")
            # All content of the account is deleted, so no version may stay to be restored.
            await self._writer.delete_versions_of(event.id)
        else:
            for model_id in await self._writer.transfer_ownership(
                event.id, event.new_owner_id, by=by, at=at
            ):
                publish_change(self._app, model_id, "updated")
        await self._record_unshared("user", event.id)

    async def on_group_deleting(self, event: GroupDeleting) -> None:
        """Record a version of the models that were shared with a deleted group."""
        await self._writer.begin_change()
        await self._record_unshared("group", event.id)

    async def _record_unshared(
        self, principal_kind: Literal["user", "group"], principal_id: str
    ) -> None:
        granted = await self._grants.granted_to(principal_kind, principal_id)
        ids = granted.get(KIND, [])
        await self._writer.record_unshared(ids, by=current_author(), at=now())
        for model_id in ids:
            publish_change(self._app, model_id, "updated")

    async def _replace(
        self,
        actor: Actor,
        draft: ModelDraft,
        sharing: RequestedSharing | None,
        *,
        resource: Resource,
        before: dict[str, Any],
        change: ChangeKind,
    ) -> Model:
        """Write an existing model, in a transaction that began with `begin_change`. `before`: its row."""
        if draft.base_model_id != before["base_model_id"]:
            await check_chain(draft)
        await check_knowledge(self._app, actor, draft, before)
        await self._writer.update(draft, by=actor.id, at=now(), change=change)
        await model_table(self._app).share(actor, resource, sharing)
        publish_change(self._app, draft.id, "updated")
        return await self._read_back(draft.id)

    async def _read_back(self, model_id: str) -> Model:
        """Return a model as it is now, without a permission check: its writer may have given up their access."""
        found = await fetch_one("SELECT * FROM models_model WHERE id = $1", model_id)
        if found is None:
            raise NotFound
        return model_document(found, await self._grants.sharing_of(KIND, model_id))


def read_form(form: ModelForm, before: dict[str, Any] | None = None) -> ModelDraft:
    """Return a client's form, validated, as it is stored. Values equal to those of the row `before` are not checked again.

    Raises: ValidationError, InvalidRequest.
    """
    stored: dict[str, Any] = before or {}
    meta, tags = read_meta(form.meta, stored=stored.get("meta"))
    return ModelDraft(
        id=form.id,
        base_model_id=form.base_model_id or None,
        name=read_name(form.name, stored.get("name")),
        is_active=form.is_active,
        meta=meta,
        params=read_params(form.params, stored.get("params")),
        tags=tags,
    )
