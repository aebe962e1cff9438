"""What may be done with models, and by whom. Nothing here knows of HTTP."""

from typing import Any, Literal

import msgspec

from portico.api import (
    MODEL_ID_TAKEN,
    AccountLeaving,
    Actor,
    House,
    Invalid,
    NotFound,
    Resource,
    UniqueViolation,
    after_commit,
    now,
    row,
    rows,
    transaction,
)
from portico_models.documents import read_meta, read_params
from portico_models.events import ModelChanged
from portico_models.listing import ListQuery, list_rows
from portico_models.naming import check_id, likeness, may_exist
from portico_models.records import KIND, Draft, ModelRecords
from portico_models.rules import check_base, share
from portico_models.schemas import ListedModel, Model, ModelForm, ModelPage, Owner

NOTHING = msgspec.Raw(b"{}")


class Models:
    """The workspace's models. Ids that do not exist and those the caller may not read raise the same NotFound."""

    def __init__(self, app: House) -> None:
        self._app = app
        self._grants = app.permissions.grants

    @property
    def _records(self) -> ModelRecords:
        return self._app.services.need(ModelRecords)

    async def get(self, actor: Actor, model_id: str) -> Model:
        """One model. Its parameters are shown to those who may write it."""
        found, resource = await self._find(actor, "read", model_id)
        may_write = await self._app.permissions.decide(actor, "write", resource)
        return _model(found, await self._grants.of(KIND, model_id), may_write)

    async def page(self, actor: Actor, query: ListQuery) -> ModelPage:
        """The presets somebody works with: their own, those they may write, and public ones."""
        found, total = await list_rows(self._app, actor, query)
        shared = await self._grants.of_many(KIND, [one["id"] for one in found])
        items = []
        for one in found:
            model = _model(one, shared.get(one["id"], self._grants.nobody), one["may_write"])
            items.append(ListedModel(**msgspec.structs.asdict(model), user=_owner(one, actor)))
        return ModelPage(items, total)

    async def overrides(self) -> list[Model]:
        """Every record that changes a source's model, oldest first. For administrators."""
        found = await rows(
            "SELECT * FROM models_model WHERE base_model_id IS NULL ORDER BY created_at, id"
        )
        shared = await self._grants.of_many(KIND)
        return [_model(one, shared.get(one["id"], self._grants.nobody), True) for one in found]

    async def create(self, actor: Actor, form: ModelForm) -> Model:
        """A new record of the caller's.

        Raises: Invalid if the id is taken, by a record or, for a preset, by a source's model, or if a value makes
        no sense; Forbidden if the base is not the caller's to use.
        """
        check_id(form.id)
        draft = _draft(form)
        await check_base(self._app, actor, draft, None)
        try:
            async with transaction():
                await self._records.begin_change()
                await self._records.insert(draft, likeness(form.id), actor.id, now())
                await share(self._app, actor, form, Resource(KIND, form.id, actor.id))
                self._announce(form.id, "created")
                return await self._written(form.id)
        except UniqueViolation as error:
            raise Invalid(MODEL_ID_TAKEN) from error

    async def update(self, actor: Actor, form: ModelForm) -> Model:
        """Replace everything but id, owner and birth of a record. Raises: as `create`."""
        before, _ = await self._find(actor, "write", form.id)
        draft = _draft(form)
        await check_base(self._app, actor, draft, before)
        async with transaction():
            await self._records.begin_change()
            # Asked again now that no other writer can come in between: rights or record may be gone.
            _, resource = await self._find(actor, "write", form.id)
            await self._records.update(draft, now())
            await share(self._app, actor, form, resource)
            self._announce(form.id, "updated")
            return await self._written(form.id)

    async def delete(self, actor: Actor, model_id: str) -> None:
        """Delete a record, with its tags and shares."""
        async with transaction():
            await self._records.begin_change()
            await self._find(actor, "delete", model_id)
            await self._records.delete(model_id)
            self._announce(model_id, "deleted")

    async def account_leaving(self, event: AccountLeaving) -> None:
        """The models of somebody who leaves go to the heir, or with them."""
        await self._records.begin_change()
        if event.heir is None:
            for model_id in await self._records.ids_of(event.id):
                await self._records.delete(model_id)
                self._announce(model_id, "deleted")
        else:
            for model_id in await self._records.inherit(event.id, event.heir):
                self._announce(model_id, "updated")

    async def _find(
        self, actor: Actor, action: str, model_id: str
    ) -> tuple[dict[str, Any], Resource]:
        """The row, and what it is to decisions.

        Raises: NotFound, after the same work whether there is none or it is not the caller's to know; Forbidden
        for somebody who may read it and no more.
        """
        if not may_exist(model_id):
            raise NotFound
        found = await row("SELECT * FROM models_model WHERE id = $1", model_id)
        resource = Resource(KIND, model_id, found["user_id"] if found else None)
        await self._app.permissions.require(actor, action, resource)
        if found is None:
            raise NotFound
        return found, resource

    async def _written(self, model_id: str) -> Model:
        """The record just written; whoever wrote it may have given away the right to."""
        (found,) = await rows("SELECT * FROM models_model WHERE id = $1", model_id)
        return _model(found, await self._grants.of(KIND, model_id), True)

    def _announce(self, model_id: str, change: Literal["created", "updated", "deleted"]) -> None:
        after_commit(lambda: self._app.events.publish(ModelChanged(model_id, change)))


def _draft(form: ModelForm) -> Draft:
    meta, tags = read_meta(form.meta)
    return Draft(
        id=form.id,
        base_model_id=form.base_model_id or None,
        name=form.name.replace("\x00", ""),
        is_active=form.is_active,
        meta=meta,
        params=read_params(form.params),
        tags=tags,
    )


def _model(found: dict[str, Any], sharing: Any, with_params: bool) -> Model:
    return Model(
        id=found["id"],
        user_id=found["user_id"],
        base_model_id=found["base_model_id"],
        name=found["name"],
        params=msgspec.Raw(found["params"]) if with_params else NOTHING,
        meta=msgspec.Raw(found["meta"]),
        access_control=sharing.document(),
        is_active=found["is_active"],
        updated_at=found["updated_at"],
        created_at=found["created_at"],
    )


def _owner(found: dict[str, Any], actor: Actor) -> Owner | None:
    if found["owner_name"] is None:
        return None
    shown = actor.is_admin or found["user_id"] == actor.id
    email = found["owner_email"] if shown else ""
    return Owner(found["user_id"], found["owner_name"], found["owner_role"], email)
