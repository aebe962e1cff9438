"""Templates: stored documents from which models are created. Independent of HTTP."""

import re
from collections.abc import Iterable, Sequence
from importlib import resources
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from portico.api import AppContext, Forbidden, InvalidRequest, NotFound
from portico.api.audit import record_change
from portico.api.auth import AccountDeleting, Actor
from portico.api.db import (
    ForeignKeyViolation,
    UniqueViolation,
    execute,
    fetch_all,
    fetch_one,
    new_id,
    now,
    page_offset,
    transaction,
)
from portico.api.policy import Resource
from portico.api.resources import RequestedSharing, is_storable
from portico.api.text import normalized_id
from portico_models.fields.model_ids import MAX_NORMALIZED_ID_CHARS, is_allowed
from portico_models.fields.validation import check_meta, read_params, sanitize_meta
from portico_models.templates.schemas import ModelTemplate, TemplateForm, TemplatePage
from portico_models.workspace.listing import PAGE_SIZE

KIND: Final = "template"
ITEM_ACTIONS: Final = ("read", "write", "delete")
COLLECTION_ACTIONS: Final = ("create",)
#: Characters.
MAX_NAME_CHARS: Final = 128
MAX_DESCRIPTION_CHARS: Final = 4096

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NAME_TAKEN = "[ERROR: name: a template has this name, or one that looks like it]"
_INSERT = (
    "INSERT INTO models_template (id, name, normalized_name, description, params, meta, access_control, "
    "updated_at, user_id, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $8)"
)
_UPDATE = (
    "UPDATE models_template SET name = $2, normalized_name = $3, description = $4, params = $5, meta = $6, "
    "access_control = $7, updated_at = $8 WHERE id = $1"
)


class TemplateService:
    """All templates. Missing templates and those the caller may not read raise the same NotFound."""

    def __init__(self, app: AppContext) -> None:
        self._app = app
        self._built_in = built_in_templates()

    # -- reading --------------------------------------------------------------------------------------------

    async def page(self, actor: Actor, page: int) -> TemplatePage:
        """Return a page of at most 30 templates, built-in ones first, the others by name."""
        built_in = self._built_in if await self._allowed_on_collection(actor, "read") else ()
        offset = page_offset(page, PAGE_SIZE)
        first = list(built_in[offset : offset + PAGE_SIZE])
        where = await self._app.permissions.where_allowed(actor, "read", KIND)
        limit = f"LIMIT ${len(where.args) + 1} OFFSET ${len(where.args) + 2}"
        rows = await fetch_all(
            f"SELECT * FROM models_template WHERE {where.sql} ORDER BY normalized_name {limit}",  # noqa: S608
            *where.args,
            PAGE_SIZE - len(first),
            max(offset - len(built_in), 0),
        )
        (counted,) = await fetch_all(
            f"SELECT COUNT(*) AS total FROM models_template WHERE {where.sql}",  # noqa: S608
            *where.args,
        )
        return TemplatePage([*first, *map(_template, rows)], counted["total"] + len(built_in))

    async def get(self, actor: Actor, id_or_name: str) -> ModelTemplate:
        """Return the template with this id, else with this name in any case. Raises: NotFound."""
        for one in self._built_in:
            if id_or_name == one.id or normalized_id(id_or_name) == normalized_id(one.name):
                if not await self._allowed_on_collection(actor, "read"):
                    raise NotFound
                return one
        return _template(await self._find(actor, "read", id_or_name, by_name=True))

    # -- writing --------------------------------------------------------------------------------------------

    async def create(
        self, actor: Actor, form: TemplateForm, sharing: RequestedSharing | None
    ) -> ModelTemplate:
        """Create a template owned by the actor. Raises: InvalidRequest if the name is taken, ValidationError."""
        notes = _sanitize(form)
        template = await self._insert(actor, new_id(), self._values(form, sharing))
        template.notes = notes
        return template

    async def update(
        self, actor: Actor, template_id: str, form: TemplateForm, sharing: RequestedSharing | None
    ) -> ModelTemplate:
        """Replace everything but id, owner and creation time. Raises: as `create`; Forbidden, NotFound."""
        notes = _sanitize(form)
        values = self._values(form, sharing)
        try:
            async with transaction():
                await self._find(actor, "write", template_id)
                await execute(_UPDATE, template_id, *values, now())
                changed = _template(await self._find(actor, "write", template_id))
                await record_change(
                    "template.changed", KIND, template_id, None, {"name": changed.name}
                )
        except UniqueViolation as error:
            raise InvalidRequest(_NAME_TAKEN) from error
        changed.notes = notes
        return changed

    async def delete(self, actor: Actor, template_id: str) -> None:
        """Delete a template. Models that were created from it stay as they are."""
        async with transaction():
            template = _template(await self._find(actor, "delete", template_id))
            await execute("DELETE FROM models_template WHERE id = $1", template_id)
            await record_change("template.deleted", KIND, template_id, {"name": template.name})

    # -- transfer -------------------------------------------------------------------------------------------

    async def export(self, actor: Actor) -> list[ModelTemplate]:
        """Return every template the actor may read, by name, without built-in ones."""
        where = await self._app.permissions.where_allowed(actor, "read", KIND)
        rows = await fetch_all(
            f"SELECT * FROM models_template WHERE {where.sql} ORDER BY normalized_name",  # noqa: S608
            *where.args,
        )
        return [_template(one) for one in rows]

    async def import_many(
        self,
        actor: Actor,
        forms: Iterable[tuple[TemplateForm, RequestedSharing | None]],
        *,
        owner_id: str | None = None,
    ) -> list[ModelTemplate]:
        """Import templates, all or none. One with an existing id or name replaces that template, the others are new.

        `owner_id`: owner of new ones, default the actor.

        Raises: ValidationError, InvalidRequest that name what is wrong; Forbidden for a template the actor may not change,
        or if they may not create any; InvalidRequest for the name of a built-in one.
        """
        validated = [(form, sharing, self._values(form, sharing)) for form, sharing in forms]
        results = []
        async with transaction():
            for form, sharing, values in validated:
                existing_id = await self._existing_id(form.id, values[1])
                if existing_id is not None:
                    results.append(await self.update(actor, existing_id, form, sharing))
                elif not await self._allowed_on_collection(actor, "create"):
                    raise Forbidden
                else:
                    keeps_id = _ID.fullmatch(form.id) and form.id not in {
                        o.id for o in self._built_in
                    }
                    new = form.id if keeps_id else new_id()
                    results.append(await self._insert(actor, new, values, owner_id))
        return results

    async def on_account_deleting(self, event: AccountDeleting) -> None:
        """Transfer the templates of a deleted account to the new owner, or delete them."""
        if event.new_owner_id is None:
            await execute("DELETE FROM models_template WHERE user_id = $1", event.id)
        else:
            await execute(
                "UPDATE models_template SET user_id = $2 WHERE user_id = $1",
                event.id,
                event.new_owner_id,
            )

    # -- internal -------------------------------------------------------------------------------------------

    async def _insert(
        self,
        actor: Actor,
        template_id: str,
        values: Sequence[str | None],
        owner_id: str | None = None,
    ) -> ModelTemplate:
        try:
            async with transaction():
                await execute(_INSERT, template_id, *values, now(), owner_id or actor.id)
                await record_change(
                    "template.created", KIND, template_id, None, {"name": values[0]}
                )
        except UniqueViolation as error:
            raise InvalidRequest(_NAME_TAKEN) from error
        except ForeignKeyViolation as error:  # the account was deleted meanwhile
            raise NotFound from error
        return _template(await self._find(actor, "write", template_id))

    async def _existing_id(self, template_id: str, normalized_name: str | None) -> str | None:
        """Return the id of the template that an imported one replaces: with the same id, else with an equal normalized name."""
        rows = await fetch_all(
            "SELECT id FROM models_template WHERE id = $1 OR normalized_name = $2",
            template_id.replace("\x00", ""),
            normalized_name,
        )
        ids = [one["id"] for one in rows]
        return template_id if template_id in ids else next(iter(ids), None)

    async def _find(
        self, actor: Actor, action: str, id_or_name: str, *, by_name: bool = False
    ) -> dict[str, Any]:
        """Return the row of a template, if the actor may do this. Raises: NotFound, Forbidden."""
        if any(id_or_name == one.id for one in self._built_in):
            raise Forbidden
        if not is_storable(id_or_name):
            raise NotFound
        row = await fetch_one("SELECT * FROM models_template WHERE id = $1", id_or_name)
        if row is None and by_name:
            row = await fetch_one(
                "SELECT * FROM models_template WHERE normalized_name = $1",
                normalized_id(id_or_name),
            )
        resource = Resource(KIND, row["id"] if row else id_or_name, row["user_id"] if row else None)
        try:
            await self._app.permissions.require(actor, action, resource)
        except (
            Forbidden
        ):  # also raised for a missing template, if the actor may read every template
            if row is not None:
                raise
        if row is None:
            raise NotFound
        return row

    async def _allowed_on_collection(self, actor: Actor, action: str) -> bool:
        return await self._app.permissions.allows_on_collection(actor, KIND, action)

    def _values(
        self, form: TemplateForm, sharing: RequestedSharing | None
    ) -> tuple[str | None, ...]:
        """Return name, normalized name, description, params, meta and access_control as they are stored."""
        name = " ".join(form.name.split())
        normalized_name = normalized_id(name)
        if (
            len(name) > MAX_NAME_CHARS
            or len(normalized_name) > MAX_NORMALIZED_ID_CHARS
            or not is_allowed(name)
        ):
            raise InvalidRequest(
                f"[ERROR: name must be a text of 1 to {MAX_NAME_CHARS} characters]"
            )
        if len(form.description) > MAX_DESCRIPTION_CHARS:
            raise InvalidRequest(
                f"[ERROR: description: at most {MAX_DESCRIPTION_CHARS} characters]"
            )
        if any(
            normalized_name in (normalized_id(one.name), normalized_id(one.id))
            for one in self._built_in
        ):
            raise InvalidRequest(_NAME_TAKEN)
        params = read_params(form.params)
        check_meta(form.meta)
        access = _stored_sharing(form, sharing)
        description = form.description.replace("\x00", "")
        return name, normalized_name, description, params, bytes(form.meta).decode(), access


def _stored_sharing(form: TemplateForm, requested: RequestedSharing | None) -> str | None:
    """Return who has access, as it is stored: `access_control` as sent, or a list of grants."""
    if requested is None:
        return None
    if requested.is_access_control:
        assert form.access_control is not UNSET
        return bytes(form.access_control).decode()
    return bytes(requested.sharing.full_document()).decode()


def _sanitize(form: TemplateForm) -> list[str] | UnsetType:
    """Replace values that clients of other servers store and that are not supported. Return notes on them, if any."""
    notes: list[str] = []
    form.meta = sanitize_meta(form.meta, notes)
    return notes or UNSET


def _template(row: dict[str, Any]) -> ModelTemplate:
    """Return the response body for a row."""
    access: str | None = row["access_control"]
    grants: msgspec.Raw | UnsetType = UNSET
    if access is not None and access.startswith("["):
        access, grants = "null", msgspec.Raw(access)
    return ModelTemplate(
        id=row["id"],
        name=row["name"],
        description=row["description"],
        params=msgspec.Raw(row["params"]),
        meta=msgspec.Raw(row["meta"]),
        access_control=UNSET if access is None else msgspec.Raw(access),
        access_grants=grants,
        user_id=row["user_id"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def built_in_templates() -> Sequence[ModelTemplate]:
    """Return the built-in templates by name. Reads files of this package; call it once."""
    folder = resources.files(__package__).joinpath("builtin")
    files = {file.name.removesuffix(".json"): file.read_bytes() for file in folder.iterdir()}
    templates = [_read_built_in(name, content) for name, content in files.items()]
    return sorted(templates, key=lambda one: one.name)


def _read_built_in(template_id: str, content: bytes) -> ModelTemplate:
    form = msgspec.json.decode(content, type=TemplateForm)
    return ModelTemplate(
        id=template_id,
        name=form.name,
        description=form.description,
        params=form.params,
        meta=form.meta,
        built_in=True,
    )
