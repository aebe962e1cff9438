"""Templates: documents kept under a name, to make models of. Nothing here knows of HTTP."""

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from portico.api import (
    AccountDeleting,
    Actor,
    AppContext,
    Forbidden,
    ForeignKeyViolation,
    InvalidRequest,
    NotFound,
    Resource,
    UniqueViolation,
    execute,
    fetch_all,
    fetch_one,
    new_id,
    now,
    transaction,
)
from portico_models.model_ids import LONGEST_LIKENESS, is_allowed, may_exist, normalized_id
from portico_models.templates.builtin_templates import built_in_templates
from portico_models.templates.schemas import ModelTemplate, TemplateForm, TemplatePage
from portico_models.validation import check_meta, mended_meta, read_params

KIND: Final = "template"
ACTIONS: Final = ("read", "write", "delete")
GENERAL: Final = ("create",)
#: Templates on one page.
PAGE: Final = 30
LAST_PAGE: Final = 2**32
#: Characters.
LONGEST_NAME: Final = 128
LONGEST_DESCRIPTION: Final = 4096

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_TAKEN = "[ERROR: name: there is a template of this name, or of one like it]"
_INSERT = (
    "INSERT INTO models_template (id, name, likeness, description, params, meta, access_control, "
    "updated_at, user_id, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $8)"
)
_UPDATE = (
    "UPDATE models_template SET name = $2, likeness = $3, description = $4, params = $5, meta = $6, "
    "access_control = $7, updated_at = $8 WHERE id = $1"
)


class Templates:
    """All templates. Those that do not exist and those the caller may not read raise the same NotFound."""

    def __init__(self, app: AppContext) -> None:
        self._app = app
        self._built_in = built_in_templates()

    # -- looking --------------------------------------------------------------------------------------------

    async def page(self, actor: Actor, page: int) -> TemplatePage:
        """A page of at most 30, those that came with Portico first, the others by name."""
        built_in = self._built_in if await self._may_in_general(actor, "read") else ()
        skip = (min(max(page, 1), LAST_PAGE) - 1) * PAGE
        first = list(built_in[skip : skip + PAGE])
        which = await self._app.permissions.where_allowed(actor, "read", KIND)
        places = f"LIMIT ${len(which.args) + 1} OFFSET ${len(which.args) + 2}"
        found = await fetch_all(
            f"SELECT * FROM models_template WHERE {which.sql} ORDER BY likeness {places}",  # noqa: S608
            *which.args,
            PAGE - len(first),
            max(skip - len(built_in), 0),
        )
        (counted,) = await fetch_all(
            f"SELECT COUNT(*) AS total FROM models_template WHERE {which.sql}",  # noqa: S608
            *which.args,
        )
        return TemplatePage([*first, *map(_template, found)], counted["total"] + len(built_in))

    async def get(self, actor: Actor, key: str) -> ModelTemplate:
        """The template of this id, else of this name, in whatever case. Raises: NotFound."""
        for one in self._built_in:
            if key == one.id or normalized_id(key) == normalized_id(one.name):
                if not await self._may_in_general(actor, "read"):
                    raise NotFound
                return one
        return _template(await self._find(actor, "read", key, by_name=True))

    # -- changing -------------------------------------------------------------------------------------------

    async def create(self, actor: Actor, form: TemplateForm) -> ModelTemplate:
        """A new template of the caller's. Raises: Invalid for a name that is taken, Misshapen."""
        notes = _mend(form)
        made = await self._insert(actor, new_id(), self._values(form))
        made.notes = notes
        return made

    async def update(self, actor: Actor, template_id: str, form: TemplateForm) -> ModelTemplate:
        """Replace everything but id, owner and birth. Raises: as `create`; Forbidden, NotFound."""
        notes = _mend(form)
        values = self._values(form)
        try:
            async with transaction():
                await self._find(actor, "write", template_id)
                await execute(_UPDATE, template_id, *values, now())
                changed = _template(await self._find(actor, "write", template_id))
        except UniqueViolation as error:
            raise InvalidRequest(_TAKEN) from error
        changed.notes = notes
        return changed

    async def delete(self, actor: Actor, template_id: str) -> None:
        """Delete one. Models that were made of it stay as they are."""
        async with transaction():
            await self._find(actor, "delete", template_id)
            await execute("DELETE FROM models_template WHERE id = $1", template_id)

    # -- moving ---------------------------------------------------------------------------------------------

    async def export(self, actor: Actor) -> list[ModelTemplate]:
        """Every template that somebody may read, by name; without those that come with Portico."""
        which = await self._app.permissions.where_allowed(actor, "read", KIND)
        found = await fetch_all(
            f"SELECT * FROM models_template WHERE {which.sql} ORDER BY likeness",  # noqa: S608
            *which.args,
        )
        return [_template(one) for one in found]

    async def import_many(
        self, actor: Actor, forms: Iterable[TemplateForm], *, owner_id: str | None = None
    ) -> list[ModelTemplate]:
        """Bring templates in, all or none: one whose id or name is there is replaced, the others are the caller's.

        `owner_id`: whose new ones are instead.

        Raises: Misshapen, Invalid naming what is wrong; Forbidden for one that is not the caller's to change, or
        for somebody who makes none; Invalid for the name of one that comes with Portico.
        """
        checked = [(form, self._values(form)) for form in forms]
        done = []
        async with transaction():
            for form, values in checked:
                known = await self._known(form.id, values[1])
                if known is not None:
                    done.append(await self.update(actor, known, form))
                elif not await self._may_in_general(actor, "create"):
                    raise Forbidden
                else:
                    fits = _ID.fullmatch(form.id) and form.id not in {o.id for o in self._built_in}
                    new = form.id if fits else new_id()
                    done.append(await self._insert(actor, new, values, owner_id))
        return done

    async def account_leaving(self, event: AccountDeleting) -> None:
        """The templates of somebody who leaves go to the heir, or with them."""
        if event.new_owner_id is None:
            await execute("DELETE FROM models_template WHERE user_id = $1", event.id)
        else:
            await execute(
                "UPDATE models_template SET user_id = $2 WHERE user_id = $1",
                event.id,
                event.new_owner_id,
            )

    # -- in here --------------------------------------------------------------------------------------------

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
        except UniqueViolation as error:
            raise InvalidRequest(_TAKEN) from error
        except ForeignKeyViolation as error:  # the account was deleted meanwhile
            raise NotFound from error
        return _template(await self._find(actor, "write", template_id))

    async def _known(self, template_id: str, like: str | None) -> str | None:
        """The id of the template that an imported one would replace: of the same id, else of a name like it."""
        found = await fetch_all(
            "SELECT id FROM models_template WHERE id = $1 OR likeness = $2",
            template_id.replace("\x00", ""),
            like,
        )
        ids = [one["id"] for one in found]
        return template_id if template_id in ids else next(iter(ids), None)

    async def _find(
        self, actor: Actor, action: str, key: str, *, by_name: bool = False
    ) -> dict[str, Any]:
        """Raises: NotFound, Forbidden."""
        if any(key == one.id for one in self._built_in):
            raise Forbidden
        if not may_exist(key):
            raise NotFound
        found = await fetch_one("SELECT * FROM models_template WHERE id = $1", key)
        if found is None and by_name:
            found = await fetch_one(
                "SELECT * FROM models_template WHERE likeness = $1", normalized_id(key)
            )
        resource = Resource(
            KIND, found["id"] if found else key, found["user_id"] if found else None
        )
        try:
            await self._app.permissions.require(actor, action, resource)
        except Forbidden:  # by whoever may read all there are, also what is not there
            if found is not None:
                raise
        if found is None:
            raise NotFound
        return found

    async def _may_in_general(self, actor: Actor, action: str) -> bool:
        return await self._app.permissions.allows_on_collection(actor, KIND, action)

    def _values(self, form: TemplateForm) -> tuple[str | None, ...]:
        """Name, likeness, description, params, meta, access_control as they are stored."""
        name = " ".join(form.name.split())
        like = normalized_id(name)
        if len(name) > LONGEST_NAME or len(like) > LONGEST_LIKENESS or not is_allowed(name):
            raise InvalidRequest(f"[ERROR: name must be a text of 1 to {LONGEST_NAME} characters]")
        if len(form.description) > LONGEST_DESCRIPTION:
            raise InvalidRequest(f"[ERROR: description: at most {LONGEST_DESCRIPTION} characters]")
        if any(like in (normalized_id(one.name), normalized_id(one.id)) for one in self._built_in):
            raise InvalidRequest(_TAKEN)
        params = read_params(form.params)
        check_meta(form.meta)
        access = self._rights(form)
        description = form.description.replace("\x00", "")
        return name, like, description, params, bytes(form.meta).decode(), access

    def _rights(self, form: TemplateForm) -> str | None:
        """Who has access, as it is stored: in the form of `access_control`, or else as a list of grants."""
        sharing = self._app.permissions.grants.read_rights(form.access_control, form.access_grants)
        if sharing is None:
            return None
        said = form.access_control if form.access_grants is UNSET else sharing.whole_document()
        assert said is not UNSET
        return bytes(said).decode()


def _mend(form: TemplateForm) -> list[str] | UnsetType:
    """Replace what other servers' clients store and is not shown here. Returns what was, if anything."""
    notes: list[str] = []
    form.meta = mended_meta(form.meta, notes)
    return notes or UNSET


def _template(found: dict[str, Any]) -> ModelTemplate:
    """A row as a document."""
    access: str | None = found["access_control"]
    grants: msgspec.Raw | UnsetType = UNSET
    if access is not None and access.startswith("["):
        access, grants = "null", msgspec.Raw(access)
    return ModelTemplate(
        id=found["id"],
        name=found["name"],
        description=found["description"],
        params=msgspec.Raw(found["params"]),
        meta=msgspec.Raw(found["meta"]),
        access_control=UNSET if access is None else msgspec.Raw(access),
        access_grants=grants,
        user_id=found["user_id"],
        created_at=found["created_at"],
        updated_at=found["updated_at"],
    )
