"""Creating, reading, changing, moving and deleting folders, with permission checks. Nothing here knows HTTP."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import msgspec

from portico.api import AppContext, Forbidden, InvalidRequest, NotFound
from portico.api.auth import AccountDeleting, Actor
from portico.api.db import (
    ForeignKeyViolation,
    UniqueViolation,
    after_commit,
    new_id,
    now,
    transaction,
)
from portico.api.interfaces import FoldersDeleting
from portico.api.policy import SQLCondition
from portico.api.text import likeness
from portico_folders import data_validation, store
from portico_folders.events import Change, FolderChanged
from portico_folders.lookup import is_storable
from portico_folders.names import read_name, search_name
from portico_folders.schemas import Folder, FolderChanges, FolderForm, ListedFolder
from portico_folders.settings import FoldersSettings
from portico_folders.tree import FolderTree

KIND: Final = "folder"
PERMISSION: Final = "features.folders"
EXISTS: Final = "[ERROR: Folder already exists]"
NOT_CREATED: Final = "[ERROR: Error creating folder]"
NOT_UPDATED: Final = "[ERROR: Error updating folder]"


class FolderService:
    """Folders of all accounts. Unknown and unreadable folders raise the same NotFound."""

    def __init__(self, app: AppContext, settings: FoldersSettings) -> None:
        self._app = app
        self._settings = settings
        self._runtime_settings = app.runtime_settings.section(FoldersSettings)

    async def require_use(self, actor: Actor) -> None:
        """Check that folders are enabled and that the actor may use them. Raises: Forbidden."""
        permitted = (
            await self._runtime_settings.current()
        ).enable_folders and await self._app.identity.is_permitted(actor, PERMISSION)
        if not permitted:
            raise Forbidden

    # -- reading --------------------------------------------------------------------------------------------

    async def listed(self, actor: Actor) -> list[ListedFolder]:
        """Return all folders of the caller, the oldest first."""
        return [
            ListedFolder(meta=_raw(found.pop("icon")), **found)  # type: ignore[arg-type]
            for found in await store.listed(actor.id, await self._where(actor, "read"))
        ]

    async def get(self, actor: Actor, folder_id: str) -> Folder:
        """Return one folder."""
        where = await self._where(actor, "read")
        found = await store.find(_storable(folder_id), where)
        if found is None:
            raise NotFound
        return _folder(found)

    # -- changing -------------------------------------------------------------------------------------------

    async def create(self, actor: Actor, form: FolderForm) -> Folder:
        """Create a folder of the caller at the root.

        Raises: ValidationError, TooLarge; InvalidRequest for a name that is invalid or taken, and if there are too
        many folders.
        """
        name = read_name(form.name)
        data, meta = _merged({"data": None, "meta": None}, form)
        folder_id = new_id()
        try:
            async with transaction():
                await store.lock_or_create_owner(actor.id)
                if await store.count(actor.id) >= self._settings.max_folders:
                    raise InvalidRequest(
                        f"[ERROR: An account has at most {self._settings.max_folders} folders]"
                    )
                await store.insert(folder_id, actor.id, _values(name, meta, data), now())
                self._publish_change(folder_id, actor.id, "created")
                return await self._reload(folder_id)
        except UniqueViolation as error:
            raise InvalidRequest(EXISTS) from error
        except ForeignKeyViolation as error:  # the account was deleted in the meantime
            raise InvalidRequest(NOT_CREATED) from error

    async def update(self, actor: Actor, folder_id: str, form: FolderChanges) -> Folder:
        """Rename a folder, and replace the given keys of `data` and `meta`. Unchanged values are not checked again.

        Raises: as `create`; Forbidden.
        """
        async with self._locked(actor, "write", folder_id) as found:
            data, meta = _merged(found, form)
            name = found["name"] if form.name in (None, found["name"]) else read_name(form.name)
            values = _values(name, meta, data)
            await store.update(folder_id, values, now())
            self._publish_change(folder_id, found["user_id"], "updated")
            return await self._reload(folder_id)

    async def move(self, actor: Actor, folder_id: str, parent_id: str | None) -> Folder:
        """Move a folder with its subfolders into another one; None = to the root.

        Raises: InvalidRequest for a parent that is unknown, belongs to another account, is the folder itself or one
        of its subfolders; if the parent has a folder of this name; if the folder would be too deep. Forbidden.
        """
        async with self._locked(actor, "write", folder_id) as found:
            if parent_id is not None:
                tree = FolderTree(await store.parents(found["user_id"]))
                levels = tree.levels(folder_id)
                if parent_id not in tree or any(parent_id in level for level in levels):
                    raise InvalidRequest(NOT_UPDATED)
                if tree.depth(parent_id) + len(levels) > self._settings.max_depth:
                    raise InvalidRequest(
                        f"[ERROR: Folders can be nested at most {self._settings.max_depth} deep]"
                    )
            await store.move(folder_id, parent_id, now())
            self._publish_change(folder_id, found["user_id"], "updated")
            return await self._reload(folder_id)

    async def expand(self, actor: Actor, folder_id: str, is_expanded: bool) -> Folder:
        """Store whether clients show the content of the folder. Raises: Forbidden."""
        async with self._locked(actor, "write", folder_id) as found:
            await store.expand(folder_id, is_expanded, now())
            self._publish_change(folder_id, found["user_id"], "updated")
            return await self._reload(folder_id)

    async def delete(self, actor: Actor, folder_id: str, *, delete_contents: bool) -> None:
        """Delete the folder and its subfolders. The chats in them are deleted too, or moved out.

        Raises: Forbidden if the actor may not, or if a plugin refuses to delete what it stores in them; then
        everything stays.
        """
        async with self._locked(actor, "delete", folder_id) as found:
            owner_id = found["user_id"]
            # Permission to delete folders does not include permission to delete their chats.
            if owner_id != actor.id:
                raise Forbidden
            ids = tuple(await store.subtree_ids(owner_id, folder_id))
            await self._app.events.publish_in_transaction(
                FoldersDeleting(ids, actor, delete_contents)
            )
            await store.delete(owner_id, ids)
            for deleted_id in ids:
                self._publish_change(deleted_id, owner_id, "deleted")

    async def on_account_deleting(self, event: AccountDeleting) -> None:
        """Delete the folders of an account that is being deleted."""
        for folder_id in await store.delete_all(event.id):
            self._publish_change(folder_id, event.id, "deleted")

    # -- internal -------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def _locked(
        self, actor: Actor, action: str, folder_id: str
    ) -> AsyncIterator[dict[str, Any]]:
        """Open a transaction that locks all folders of the folder's owner. Yields the current row.

        Raises: NotFound, Forbidden; InvalidRequest for two folders with one name and parent.
        """
        where = await self._where(actor, action)
        try:
            async with transaction():
                is_locked = await store.lock(_storable(folder_id), where)
                found = await store.find(folder_id) if is_locked else None
                if found is None:
                    raise await self._app.permissions.refusal(actor, action, KIND, folder_id)
                yield found
        except UniqueViolation as error:
            raise InvalidRequest(EXISTS) from error

    async def _where(self, actor: Actor, action: str) -> SQLCondition:
        return await self._app.permissions.where_allowed(actor, action, KIND, store.FIRST)

    async def _reload(self, folder_id: str) -> Folder:
        """Return a folder that this transaction has written."""
        found = await store.find(folder_id)
        assert found is not None
        return _folder(found)

    def _publish_change(self, folder_id: str, user_id: str, change: Change) -> None:
        after_commit(lambda: self._app.events.publish(FolderChanged(folder_id, user_id, change)))


def _merged(
    stored: dict[str, Any], form: FolderForm | FolderChanges
) -> tuple[str | None, str | None]:
    """Return `data` and `meta` after the change. Raises: ValidationError, InvalidRequest, TooLarge."""
    return (
        data_validation.merged(
            stored["data"], data_validation.read(form.data, "data", stored["data"]), "data"
        ),
        data_validation.merged(
            stored["meta"], data_validation.read(form.meta, "meta", stored["meta"]), "meta"
        ),
    )


def _values(name: str, meta: str | None, data: str | None) -> tuple[str | None, ...]:
    """Return name, normalized name, search name, icon, meta and data as they are stored."""
    return name, likeness(name), search_name(name), data_validation.icon_of(meta), meta, data


def _storable(folder_id: str) -> str:
    """Return an id that can be sent to the database. Raises: NotFound; no folder has any other id."""
    if not is_storable(folder_id):
        raise NotFound
    return folder_id


def _raw(text: str | None) -> msgspec.Raw | None:
    return None if text is None else msgspec.Raw(text)


def _folder(found: dict[str, Any]) -> Folder:
    return Folder(**found | {"meta": _raw(found["meta"]), "data": _raw(found["data"])})
