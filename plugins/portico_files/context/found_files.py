"""Finds the files of a call, and checks who may read them."""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from portico.api import AppContext, NotFound
from portico.api.auth import Actor
from portico.api.interfaces import FolderLookup
from portico.api.models import AddedFiles, SourceRequest
from portico_files.context.attachments import knowledge_file_ids
from portico_files.schemas import FileRow
from portico_files.service import Files

#: The route that a credential must be able to call, so that a model reads files with it.
CONTENT_PATH: Final = "/api/v1/files/{file_id}/content"
AREA: Final = "files"
MISSING: Final = "An attached file was not found. Remove it from the message, or attach it again."


class FoundFiles:
    """Finds files for models: those that a request names, and those of folders and of models."""

    def __init__(self, app: AppContext, files: Files) -> None:
        self._app, self._files = app, files

    async def named(self, actor: Actor, ids: Sequence[str]) -> Mapping[str, FileRow]:
        """Return the files that a request names, by id.

        Raises: NotFound for one that the actor may not read, or not with this credential.
        """
        if not ids:
            return {}
        rows = await self._files.find_many(actor, ids) if _may_read(actor) else {}
        if any(file_id not in rows for file_id in ids):
            raise NotFound(MISSING)
        return rows

    async def added(self, request: SourceRequest, folder_ids: Sequence[str]) -> Sequence[FileRow]:
        """Return the texts that a request does not name one by one: of folders, and of the model's knowledge, in this order.

        Those of a folder must be readable for the caller, those of the model for its owner: whom a model is shared with
        gets what it knows. The others, and what is no text, are left out: the caller cannot remove them from the message.
        `folder_ids`: named by the request. Raises: NotFound for one that the caller does not have.
        """
        actor, files = request.actor, request.added_files or AddedFiles()
        ids = [*files.folder_file_ids, *await self._ids_of_folders(actor, folder_ids)]
        rows = await self._texts(actor, ids) if _may_read(actor) else []
        known = knowledge_file_ids(files.knowledge)
        owner = await self._app.identity.accounts.find(files.owner_id or "") if known else None
        return [*rows, *(await self._texts(Actor.of(owner), known) if owner else ())]

    async def adds_unreadable(
        self, actor: Actor, entries: Sequence[msgspec.Raw], stored: Sequence[msgspec.Raw]
    ) -> bool:
        """Return whether a change of a model adds a file that the actor may not read (part of `FileLookup`)."""
        ids = set(knowledge_file_ids(entries)).difference(knowledge_file_ids(stored))
        if not ids:
            return False
        rows = await self._files.find_many(actor, ids) if _may_read(actor) else {}
        return not ids <= rows.keys()

    async def _ids_of_folders(self, actor: Actor, folder_ids: Sequence[str]) -> Sequence[str]:
        folders = self._app.services.get(FolderLookup)
        ids: list[str] = []
        for folder_id in folder_ids:
            found = await folders.context(actor.id, folder_id) if folders else None
            if found is None or not _may_read(actor):
                raise NotFound(MISSING)
            ids += found.file_ids
        return ids

    async def _texts(self, actor: Actor, ids: Sequence[str]) -> list[FileRow]:
        rows = await self._files.find_many(actor, ids) if ids else {}
        return [rows[one] for one in dict.fromkeys(ids) if one in rows and rows[one].is_text]


def _may_read(actor: Actor) -> bool:
    scope = actor.scope
    return scope is None or scope.allows(CONTENT_PATH, AREA, reads=True)
