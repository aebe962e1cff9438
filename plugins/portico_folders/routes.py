"""Routes of folders."""

from typing import Annotated, Any

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.params import FromQuery, JSONBody, PathParameter

from portico.api.web import (
    Controller,
    JSONResponse,
    Request,
    delete,
    get,
    json_response,
    parse_query_flag,
    post,
)
from portico_folders.components import FoldersPlugin
from portico_folders.data_validation import MAX_FORM_BYTES
from portico_folders.schemas import (
    ExpandedForm,
    Folder,
    FolderChanges,
    FolderForm,
    ListedFolder,
    ParentForm,
)

FOLDERS = "/api/v1/folders"
FOLDER = f"{FOLDERS}/{{folder_id:str}}"
FolderId = Annotated[str, PathParameter(description="The folder's id")]


async def require_folders(
    connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler
) -> None:
    """Guard of all routes: checks the permission before the body is read."""
    controller = getattr(handler.fn, "__self__", None)  # the handler is a bound method
    assert isinstance(controller, FolderRoutes)
    await controller.plugin.folders.require_use(connection.user)


class FolderRoutes(Controller):
    """`/api/v1/folders`."""

    plugin: FoldersPlugin
    guards = [require_folders]

    @get(FOLDERS, response_type=list[ListedFolder])
    async def list_folders(self, request: Request) -> JSONResponse:
        """List all folders of the caller."""
        return json_response(await self.plugin.folders.listed(request.user))

    @post(FOLDERS, response_type=Folder, max_body=MAX_FORM_BYTES)
    async def create_folder(self, request: Request, data: JSONBody[FolderForm]) -> JSONResponse:
        """Create a folder of the caller at the root."""
        return json_response(await self.plugin.folders.create(request.user, data))

    @get(FOLDER, response_type=Folder)
    async def get_folder(self, request: Request, folder_id: FolderId) -> JSONResponse:
        """Return one whole folder."""
        return json_response(await self.plugin.folders.get(request.user, folder_id))

    @post(f"{FOLDER}/update", response_type=Folder, max_body=MAX_FORM_BYTES)
    async def update_folder(
        self, request: Request, folder_id: FolderId, data: JSONBody[FolderChanges]
    ) -> JSONResponse:
        """Rename a folder, and replace the given keys of `data` and `meta`; the others stay."""
        return json_response(await self.plugin.folders.update(request.user, folder_id, data))

    @post(f"{FOLDER}/update/parent", response_type=Folder)
    async def move_folder(
        self, request: Request, folder_id: FolderId, data: JSONBody[ParentForm]
    ) -> JSONResponse:
        """Move a folder into another one, or to the root."""
        return json_response(
            await self.plugin.folders.move(request.user, folder_id, data.parent_id)
        )

    @post(f"{FOLDER}/update/expanded", response_type=Folder)
    async def expand_folder(
        self, request: Request, folder_id: FolderId, data: JSONBody[ExpandedForm]
    ) -> JSONResponse:
        """Store whether clients show the content of a folder."""
        return json_response(
            await self.plugin.folders.expand(request.user, folder_id, data.is_expanded)
        )

    @delete(FOLDER, response_type=bool)
    async def delete_folder(
        self, request: Request, folder_id: FolderId, *, delete_contents: FromQuery[str] = "true"
    ) -> JSONResponse:
        """Delete a folder and its subfolders, and the chats in them unless these are kept."""
        keep = not parse_query_flag("delete_contents", delete_contents)
        await self.plugin.folders.delete(request.user, folder_id, delete_contents=not keep)
        return json_response(True)
