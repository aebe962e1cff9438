"""Looking at models: answers as JSON, made once and remembered while nothing they rest on has changed.

A record's JSON is good as long as the revision is the same, for whoever may see it; who may is decided each time. A page
of the list is somebody's own, and good for a moment.
"""

from typing import Any

import msgspec

from portico.api import Actor, AppContext, BytesCache, Resource
from portico_models.access import find
from portico_models.listing import ListQuery, list_rows
from portico_models.records import KIND, ModelRecords
from portico_models.schemas import ListedModel, ModelPage, Owner, document

#: Records that are remembered; a larger one, with a picture in it, is read each time. Units: bytes.
MOST = 1000
LARGEST = 16 * 1024


class CachedView(msgspec.Struct, frozen=True):
    """A record as it is shown: whose it is, and its JSON for those who may write it and for those who may not."""

    owner_id: str
    to_writers: bytes
    to_readers: bytes


class ModelViews:
    """Single records and pages of one house."""

    def __init__(self, app: AppContext) -> None:
        self._app = app
        self._faces: dict[str, CachedView] = {}
        self._good_at = (0, 0)
        self._pages = BytesCache(app.settings.identity.recheck / 2)

    async def one(self, actor: Actor, model_id: str) -> bytes:
        """One model. Its parameters are shown to those who may write it.

        Raises: NotFound, after the same work whether there is none or it is not the caller's to know.
        """
        permissions = self._app.permissions
        state = await self._state()
        face = self._faces.get(model_id) if state == self._good_at else None
        if face is not None:
            resource = Resource(KIND, model_id, face.owner_id)
        if face is None or not await permissions.allows(actor, "read", resource):
            found, resource = await find(self._app, actor, "read", model_id)
            face = await self._face(found, state)
        may_write = await permissions.allows(actor, "write", resource)
        return face.to_writers if may_write else face.to_readers

    async def page(self, actor: Actor, query: ListQuery) -> bytes:
        """A page of the presets somebody works with: their own, those they may write, and public ones."""
        key = (actor.id, actor.role, query, await self._state())
        page = self._pages.get(key)
        if page is None:
            page = msgspec.json.encode(await self._page(actor, query))
            self._pages.put(key, page, actor.id)
        return page

    async def _state(self) -> tuple[int, int]:
        """Another one whenever a record, a grant, a membership, an account or the law is."""
        revision = await self._app.services.require(ModelRecords).revision()
        return revision, self._app.permissions.changes

    async def _face(self, found: dict[str, Any], state: tuple[int, int]) -> CachedView:
        sharing = await self._app.permissions.grants.sharing_of(KIND, found["id"])
        shown = [document(found, sharing, with_params=may_write) for may_write in (True, False)]
        shown[0].write_access, shown[1].write_access = True, False
        face = CachedView(found["user_id"], *map(msgspec.json.encode, shown))
        if state != self._good_at or len(self._faces) >= MOST:
            self._faces, self._good_at = {}, state
        if len(face.to_writers) <= LARGEST:
            self._faces[found["id"]] = face
        return face

    async def _page(self, actor: Actor, query: ListQuery) -> ModelPage:
        permissions = self._app.permissions
        found, total = await list_rows(self._app, actor, query)
        shared = await permissions.grants.sharings_of(KIND, [one["id"] for one in found])
        sees_addresses = await permissions.allows_on_collection(actor, "account", "read")
        listed = await self._app.catalogue.usable_ids()
        items = []
        for one in found:
            sharing = shared.get(one["id"], permissions.grants.PRIVATE)
            model = document(one, sharing, with_params=one["may_write"])
            model.write_access = bool(one["may_write"])
            owner = _owner(one, with_email=sees_addresses or one["user_id"] == actor.id)
            item = ListedModel(**msgspec.structs.asdict(model), user=owner)
            if one["may_write"] and one["is_active"]:
                item.base_available = one["id"] in listed
            items.append(item)
        return ModelPage(items, total)


def _owner(found: dict[str, Any], *, with_email: bool) -> Owner | None:
    if found["owner_name"] is None:
        return None
    email = found["owner_email"] if with_email else ""
    return Owner(found["user_id"], found["owner_name"], found["owner_role"], email)
