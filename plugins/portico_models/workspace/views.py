"""JSON of models and of pages of the list, cached until something they depend on changes.

The JSON of a model is shared by all users who may read it; permissions are checked on each call. A page of the list
is cached for each user, for `derived_cache_seconds` of the identity settings.
"""

from typing import Any

import msgspec

from portico.api import AppContext, BytesCache
from portico.api.auth import Actor
from portico.api.policy import Resource
from portico_models.fields.schemas import ListedModel, ModelPage, model_document
from portico_models.records.change_log import ChangeLog
from portico_models.records.resource_kind import KIND
from portico_models.workspace.access import find_model
from portico_models.workspace.listing import ListQuery, list_models

#: Models in the cache; larger ones, with a picture, are not cached.
MAX_CACHED_VIEWS = 1000
MAX_CACHED_VIEW_BYTES = 16 * 1024


class CachedView(msgspec.Struct, frozen=True):
    """A model as JSON, for users who may write it and for those who may only read it."""

    owner_id: str
    writer_json: bytes
    reader_json: bytes


class ModelViews:
    """Cached JSON of single models and of pages."""

    def __init__(self, app: AppContext, changes: ChangeLog) -> None:
        self._app = app
        self._changes = changes
        self._views: dict[str, CachedView] = {}
        self._views_state = (0, 0)
        self._pages = BytesCache(app.settings.identity.derived_cache_seconds)

    async def one(self, actor: Actor, model_id: str) -> bytes:
        """Return one model. Its parameters are included if the actor may write it.

        Raises: NotFound if there is none or the actor may not read it, after the same work in both cases.
        """
        permissions = self._app.permissions
        state = await self._state()
        view = self._views.get(model_id) if state == self._views_state else None
        if view is not None:
            resource = Resource(KIND, model_id, view.owner_id)
        if view is None or not await permissions.allows(actor, "read", resource):
            row, resource = await find_model(self._app, actor, "read", model_id)
            view = await self._build_view(row, state)
        may_write = await permissions.allows(actor, "write", resource)
        return view.writer_json if may_write else view.reader_json

    async def page(self, actor: Actor, query: ListQuery) -> bytes:
        """Return a page of presets: the actor's own, those they may write, and public ones."""
        key = (actor.id, actor.role, query, await self._state())
        page = self._pages.get(key)
        if page is None:
            page = msgspec.json.encode(await self._build_page(actor, query))
            self._pages.put(key, page, actor.id)
        return page

    async def _state(self) -> tuple[int, int]:
        """Return a value that changes with every model, grant, membership, account and policy."""
        revision = await self._changes.revision()
        return revision, self._app.permissions.changes

    async def _build_view(self, row: dict[str, Any], state: tuple[int, int]) -> CachedView:
        sharing = await self._app.permissions.grants.sharing_of(KIND, row["id"])
        documents = [
            model_document(row, sharing, with_params=may_write) for may_write in (True, False)
        ]
        documents[0].write_access, documents[1].write_access = True, False
        view = CachedView(row["user_id"], *map(msgspec.json.encode, documents))
        if state != self._views_state or len(self._views) >= MAX_CACHED_VIEWS:
            self._views, self._views_state = {}, state
        if len(view.writer_json) <= MAX_CACHED_VIEW_BYTES:
            self._views[row["id"]] = view
        return view

    async def _build_page(self, actor: Actor, query: ListQuery) -> ModelPage:
        listed, total = await list_models(self._app, actor, query)
        usable_ids = await self._app.catalogue.usable_ids()
        items = []
        for one in listed:
            model = model_document(one.row, one.sharing, with_params=one.may_write)
            model.write_access = one.may_write
            item = ListedModel(**msgspec.structs.asdict(model), user=one.owner)
            if one.may_write and model.is_active:
                item.base_available = model.id in usable_ids
            items.append(item)
        return ModelPage(items, total)
