"""Folders that an export file names, mapped to folders of the account."""

import re
from typing import Final

import msgspec
from msgspec import UNSET, UnsetType

from portico.api import AppContext
from portico.api.interfaces import FolderLookup
from portico.api.json import field_error
from portico.api.text import likeness

#: Folder ids as other servers make them.
_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
#: Maximum depth of folders; a file with more has a cycle.
_MAX_DEPTH: Final = 100


class FileFolder(msgspec.Struct, frozen=True):
    """A folder of a file. `id`, `name`: "" if unknown. `parent_id`, or all of `parent`: its parent folder."""

    id: str = ""
    name: str = ""
    parent_id: str | None = None
    parent: "FileFolder | None" = None


def folder_of(folder_id: str | None, raw: msgspec.Raw | UnsetType) -> FileFolder | None:
    """Return the folder that a chat names: `folder_id`, and a `folder` that is a name or an object with one.

    Raises: ValidationError for another shape.
    """
    try:
        named = None if raw is UNSET else msgspec.json.decode(raw, type=FileFolder | str | None)
    except msgspec.ValidationError:
        raise field_error(
            "folder", "type_error", "Expected a name, or an object with one"
        ) from None
    if isinstance(named, str):
        named = FileFolder(name=named)
    if named is None:
        named = FileFolder()
    found = msgspec.structs.replace(named, id=folder_id or named.id)
    return found if found.id or found.name else None


class ImportFolders:
    """Finds, and if allowed creates, the folders of one account for the chats of one file.

    A folder of the file becomes the account's folder of that id; else the one of that name, which is created if it
    does not exist; else, for an id of another server, a folder named after it. The id of another account's folder
    is ignored. Folders of the file with one name and parent but two ids belonged to two accounts: the second
    becomes `Name (2)`.
    """

    def __init__(self, app: AppContext, owner_id: str, *, may_create: bool) -> None:
        self._folders = app.services.get(FolderLookup)
        self._owner_id = owner_id
        self._may_make = may_create
        self._named: dict[str, FileFolder] = {}
        self._names: dict[str, str] = {}
        self._ids_by_name: dict[tuple[str, str], str] = {}
        self._counts: dict[tuple[str, str], int] = {}
        self._found: dict[FileFolder, str | None] = {}

    def record(self, folder: FileFolder) -> None:
        """Record the name and the parents of a folder. The first record counts."""
        one: FileFolder | None = folder
        while one is not None and one.id not in self._named:
            if one.id and one.name:
                self._named[one.id] = one
                self._names[one.id] = self._unique_name(one)
            one = one.parent

    async def lock(self) -> None:
        """Lock the account's folders until the transaction ends; what is found is remembered that long."""
        self._found.clear()
        if self._folders is not None:
            await self._folders.lock(self._owner_id)

    async def would_find(self, folder: FileFolder | None) -> bool:
        """Return whether `find` would find a folder. Changes nothing."""
        if folder is None or self._folders is None:
            return False
        if await self._is_own(folder.id):
            return True
        return self._may_make and bool(await self._name_of(folder))

    async def find(self, folder: FileFolder | None) -> str | None:
        """Return the id of the account's folder. Call it in a transaction, see `lock`."""
        if folder is None or self._folders is None:
            return None
        if folder not in self._found:
            self._found[folder] = await self._find(folder, 0)
        return self._found[folder]

    async def _find(self, folder: FileFolder, level: int) -> str | None:
        assert self._folders is not None
        if await self._is_own(folder.id):
            return folder.id
        name = await self._name_of(folder) if self._may_make else ""
        if not name:
            return None
        named = self._recorded(folder)
        above = named.parent or self._named.get(named.parent_id or "")
        parent_id = await self._find(above, level + 1) if above and level < _MAX_DEPTH else None
        return await self._folders.find_or_create(self._owner_id, name, parent_id)

    def _recorded(self, folder: FileFolder) -> FileFolder:
        return self._named.get(folder.id, folder)

    def _unique_name(self, folder: FileFolder) -> str:
        """Return the name of a folder, unique among the file's folders with the same parent."""
        place = folder.parent.id if folder.parent else folder.parent_id or ""
        number = self._counts.get((place, likeness(folder.name)), 1)
        while True:
            name = f"{folder.name} ({number})" if number > 1 else folder.name
            if self._ids_by_name.setdefault((place, likeness(name)), folder.id) == folder.id:
                break
            number += 1
        self._counts[place, likeness(folder.name)] = number
        return name

    async def _name_of(self, folder: FileFolder) -> str:
        assert self._folders is not None
        if name := self._names.get(folder.id) or folder.name:
            return name
        if not _UUID.fullmatch(folder.id) or await self._folders.is_known(folder.id):
            return ""
        return f"Imported folder {folder.id[:8].lower()}"

    async def _is_own(self, folder_id: str) -> bool:
        assert self._folders is not None
        return bool(folder_id) and await self._folders.exists(self._owner_id, folder_id)
