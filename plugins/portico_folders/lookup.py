"""Folder queries for plugins that store things in folders. Implements `FolderLookup`."""

from collections.abc import Collection, Mapping
from typing import Any

from portico.api import AppContext, InvalidRequest
from portico.api.db import after_commit, chunks, new_id, now
from portico.api.interfaces import FolderContext, FolderPath
from portico.api.text import likeness
from portico_folders import data_validation, store
from portico_folders.events import FolderChanged
from portico_folders.names import read_name, search_name
from portico_folders.settings import FoldersSettings
from portico_folders.tree import FolderTree


class StoredFolderLookup:
    """Folders and subfolders of one account at a time; one statement per method."""

    def __init__(self, app: AppContext, settings: FoldersSettings) -> None:
        self._app = app
        self._settings = settings
        self._runtime_settings = app.runtime_settings.section(FoldersSettings)

    async def lock(self, owner_id: str) -> None:
        """Lock the account's folders until the transaction ends."""
        await store.lock_owner(owner_id)

    async def exists(self, owner_id: str, folder_id: str) -> bool:
        """Return whether the account has this folder."""
        return is_storable(folder_id) and await store.exists(owner_id, folder_id)

    async def is_known(self, folder_id: str) -> bool:
        """Return whether the folder exists, for any account."""
        return is_storable(folder_id) and await store.owner_of(folder_id) is not None

    async def find_or_create(
        self, owner_id: str, name: str, parent_id: str | None = None
    ) -> str | None:
        """Return the id of the folder of this name, creating it if needed; None if it cannot be created.

        Raises: ForeignKeyViolation if the account was deleted.
        """
        try:
            name = read_name(name)
        except InvalidRequest:
            return None
        if not _is_text(name) or not (await self._runtime_settings.current()).enable_folders:
            return None
        await store.lock_or_create_owner(owner_id)
        if (found := await store.find_by_name(owner_id, parent_id, likeness(name))) is not None:
            return found
        parents = await store.parents(owner_id)
        if len(parents) >= self._settings.max_folders:
            return None
        if (
            parent_id is not None
            and FolderTree(parents).depth(parent_id) >= self._settings.max_depth
        ):
            return None
        folder_id, at = new_id(), now()
        await store.insert(
            folder_id, owner_id, (name, likeness(name), search_name(name), None, None, None), at
        )
        if parent_id is not None:
            await store.move(folder_id, parent_id, at)
        change = FolderChanged(folder_id, owner_id, "created")
        after_commit(lambda: self._app.events.publish(change))
        return folder_id

    async def context(self, owner_id: str, folder_id: str) -> FolderContext | None:
        """Return what models get in the chats of a folder; None if there is none, or folders are disabled."""
        if not (is_storable(folder_id) and (await self._runtime_settings.current()).enable_folders):
            return None
        found = await store.data_of(owner_id, folder_id)
        return None if found is None else data_validation.context_of(found["data"])

    async def is_mentioned(self, owner_id: str, text: str) -> bool:
        """Return whether a folder of the account names this text in its data."""
        return await store.is_mentioned(owner_id, text)

    async def paths(self, folder_ids: Collection[str]) -> Mapping[tuple[str, str], FolderPath]:
        """Return these folders with their parents, by owner and id. One statement for 500 folders."""
        found: dict[tuple[str, str], dict[str, Any]] = {}
        for some in chunks([one for one in folder_ids if is_storable(one)], store.MAX_IDS):
            found |= {(one["user_id"], one["id"]): one for one in await store.with_parents(some)}
        return {key: _path(found, key) for key in found}

    async def subtree_ids(self, owner_id: str, folder_id: str) -> list[str]:
        """Return the ids of a folder and its subfolders; empty if the account does not have it."""
        return await store.subtree_ids(owner_id, folder_id) if is_storable(folder_id) else []

    async def ids_by_name(self, owner_id: str, name: str) -> list[str]:
        """Return the ids of all folders of that name and their subfolders, ignoring case and underscores."""
        search = search_name(name)
        return await store.ids_by_name(owner_id, search) if search and _is_text(search) else []


def _path(found: Mapping[tuple[str, str], dict[str, Any]], key: tuple[str, str]) -> FolderPath:
    """Return the folder with all its parents. A cycle is cut."""
    owner_id, folder_id = key
    above: dict[str, str] = {}
    while (one := found.get((owner_id, folder_id))) is not None and folder_id not in above:
        above[folder_id] = one["name"]
        folder_id = one["parent_id"] or ""
    path: FolderPath | None = None
    for folder_id, name in reversed(above.items()):
        path = FolderPath(folder_id, name, path)
    assert path is not None  # the key itself was found
    return path


def is_storable(folder_id: str) -> bool:
    """Return whether a folder can have this id; not every text can be sent to a database."""
    return folder_id.isascii() and folder_id.isprintable()


def _is_text(words: str) -> bool:
    """Return whether the text can be sent to a database: no NUL, no half of a surrogate pair."""
    return "\x00" not in words and not any("\ud800" <= one <= "\udfff" for one in words)
