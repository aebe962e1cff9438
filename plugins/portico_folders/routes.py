"""Routes of folders."""

from typing import Annotated, Any

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.params import FromQuery, JSONBody, PathParameter

from portico.api import JSONResponse, Request, delete, get, json_response, parse_query_flag, post
from portico_folders.schemas import (
    ExpandedForm,
    Folder,
    FolderChanges,
    FolderForm,
    ListedFolder,
    ParentForm,
)
from portico_folders.service import FolderService

FOLDERS = "/api/v1/folders"
FOLDER = f"{FOLDERS}/{{folder_id:str}}"
FolderId = Annotated[str, PathParameter(description="The folder's id")]


def routes(folders: FolderService) -> list[Any]:
    """Return the route handlers."""

    async def permitted(
        connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler
    ) -> None:
        """Guard: checks the permission before the body is read."""
        await folders.require_use(connection.user)

    guards = [permitted]

    @get(FOLDERS, guards=guards, response_type=list[ListedFolder])
    async def listed(request: Request) -> JSONResponse:
        """List all folders of the caller."""
        return json_response(await folders.listed(request.user))

    @post(FOLDERS, guards=guards, response_type=Folder)
    async def create(request: Request, data: JSONBody[FolderForm]) -> JSONResponse:
        """Create a folder of the caller at the root."""
        return json_response(await folders.create(request.user, data))

    @get(FOLDER, guards=guards, response_type=Folder)
    async def one(request: Request, folder_id: FolderId) -> JSONResponse:
        """Return one whole folder."""
        return json_response(await folders.get(request.user, folder_id))

    @post(f"{FOLDER}/update", guards=guards, response_type=Folder)
    async def update(
        request: Request, folder_id: FolderId, data: JSONBody[FolderChanges]
    ) -> JSONResponse:
        """Rename a folder, and replace the given keys of `data` and `meta`; the others stay."""
        return json_response(await folders.update(request.user, folder_id, data))

    @post(f"{FOLDER}/update/parent", guards=guards, response_type=Folder)
    async def move(
        request: Request, folder_id: FolderId, data: JSONBody[ParentForm]
    ) -> JSONResponse:
        """Move a folder into another one, or to the root."""
        return json_response(await folders.move(request.user, folder_id, data.parent_id))

    @post(f"{FOLDER}/update/expanded", guards=guards, response_type=Folder)
    async def expand(
        request: Request, folder_id: FolderId, data: JSONBody[ExpandedForm]
    ) -> JSONResponse:
        """Store whether clients show the content of a folder."""
        return json_response(await folders.expand(request.user, folder_id, data.is_expanded))

    @delete(FOLDER, guards=guards, response_type=bool)
    async def remove(
        request: Request, folder_id: FolderId, *, delete_contents: FromQuery[str] = "true"
    ) -> JSONResponse:
        """Delete a folder and its subfolders, and the chats in them unless these are kept."""
        keep = not parse_query_flag("delete_contents", delete_contents)
        await folders.delete(request.user, folder_id, delete_contents=not keep)
        return json_response(True)

    return [listed, create, one, update, move, expand, remove]
