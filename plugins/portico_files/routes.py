"""Routes of files, except their contents."""

from typing import Annotated, Final

import msgspec
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromQuery, JSONBody, PathParameter
from litestar.types import ASGIApp

from portico.api import NotFound
from portico.api.forms import read_form_parts
from portico.api.models import EVENT_STREAM, SourceResponse
from portico.api.web import (
    Controller,
    JSONResponse,
    QueryFlag,
    Request,
    delete,
    get,
    json_response,
    parse_query_flag,
    post,
    stream_response,
)
from portico_files.components import FilesPlugin
from portico_files.schemas import (
    AttachedPage,
    DeletionMessage,
    FileText,
    StoredFile,
    UploadedFile,
    WebPageForm,
    status_of,
    to_file,
    to_upload,
)

FILES: Final = "/api/v1/files"
FILE: Final = f"{FILES}/{{file_id:str}}"
WEB_PAGES: Final = "/api/v1/retrieval/process/web"
FileId = Annotated[str, PathParameter(description="The file's id")]
#: Bytes of a form, as the framework checks them; the setting `max_size` is checked while the form arrives.
MAX_FORM_BYTES: Final = 2 * 1024**4
MAX_TEXT_BYTES: Final = 1024 * 1024
STATUS_RESPONSES: Final = {
    200: ResponseSpec(
        object,
        generate_examples=False,
        description="An object with `status` and, if models cannot read the file, `error`; or an event with it.",
        media_type="*/*",
    ),
}
BAD_FORM: Final = "There was an error parsing the body"
NONE_FOUND: Final = "No files found matching the pattern."


class FileRoutes(Controller):
    """`/api/v1/files`."""

    plugin: FilesPlugin

    @post(
        FILES,
        permission="chat.file_upload",
        response_type=UploadedFile | StoredFile,
        max_body=MAX_FORM_BYTES,
        form={"file": "The file", "metadata": "The client's own JSON object about it"},
    )
    async def upload_file(
        self, request: Request, *, process: FromQuery[QueryFlag] = "true"
    ) -> JSONResponse:
        """Store the field `file` of a multipart form. The field `metadata` is the client's own JSON object.

        With `process`, `data.status` says whether models can read the file.
        """
        is_processed = parse_query_flag("process", process)
        kind = request.headers.get("content-type", "")
        parts = read_form_parts(kind, request.stream(), BAD_FORM)
        row = await self.plugin.uploads.take(
            parts, request.user, form_size=request.content_length, is_processed=is_processed
        )
        return json_response(to_upload(row) if is_processed else to_file(row))

    @post(WEB_PAGES, permission="chat.file_upload", response_type=AttachedPage)
    async def attach_web_page(self, request: Request, data: JSONBody[WebPageForm]) -> JSONResponse:
        """Fetch a public web page, and store its text as a file."""
        row, text = await self.plugin.web_pages.attach(data.url, request.user)
        return json_response(AttachedPage(row.id, data.url, to_file(row, text)))

    @get(FILES, response_type=list[StoredFile])
    async def list_files(
        self, request: Request, *, page: FromQuery[int | None] = None
    ) -> JSONResponse:
        """List the files that the caller may read, the newest first: 60 on a page, without a page at most 1000."""
        rows = await self.plugin.files.listed(request.user, page)
        return json_response([to_file(row) for row in rows])

    @get(f"{FILES}/search", response_type=list[StoredFile])
    async def search_files(
        self, request: Request, filename: FromQuery[str], *, page: FromQuery[int | None] = None
    ) -> JSONResponse:
        """List the files whose names match a pattern such as `*.txt`; `*` is any text, `?` any character."""
        rows = await self.plugin.files.listed(request.user, page, filename)
        if not rows:
            raise NotFound(NONE_FOUND)
        return json_response([to_file(row) for row in rows])

    @delete(f"{FILES}/all", requires="file:delete_all", response_type=DeletionMessage)
    async def delete_all_files(self, request: Request) -> JSONResponse:
        """Delete all files of all accounts."""
        await self.plugin.files.delete_all(request.user)
        return json_response(DeletionMessage("All files deleted successfully"))

    @get(FILE, response_type=StoredFile)
    async def get_file(self, request: Request, file_id: FileId) -> JSONResponse:
        """Return a file with the text that models get of it, at most a MiB, in `data.content`."""
        row = await self.plugin.files.find(request.user, file_id)
        return json_response(to_file(row, await self.plugin.files.text(row)))

    @get(f"{FILE}/process/status", responses=STATUS_RESPONSES)
    async def get_status(
        self, request: Request, file_id: FileId, *, stream: FromQuery[QueryFlag] = "false"
    ) -> ASGIApp:
        """Return whether models can read a file; with `stream` as the only event of a stream."""
        status = status_of(await self.plugin.files.find(request.user, file_id))
        if not parse_query_flag("stream", stream):
            return json_response(status)
        event = b"data: " + msgspec.json.encode(status) + b"\n\n"
        return stream_response(request, SourceResponse(body=event, content_type=EVENT_STREAM))

    @get(f"{FILE}/data/content", response_type=FileText)
    async def get_text(self, request: Request, file_id: FileId) -> JSONResponse:
        """Return the text that models get of a file, at most a MiB."""
        row = await self.plugin.files.find(request.user, file_id)
        return json_response(FileText(await self.plugin.files.text(row)))

    @post(f"{FILE}/data/content/update", response_type=FileText, max_body=MAX_TEXT_BYTES)
    async def set_text(
        self, request: Request, file_id: FileId, data: JSONBody[FileText]
    ) -> JSONResponse:
        """Set the text that models get in place of a file's content, which stays as it is."""
        content = await self.plugin.files.set_text(request.user, file_id, data.content)
        return json_response(FileText(content))

    @delete(FILE, response_type=DeletionMessage)
    async def delete_file(self, request: Request, file_id: FileId) -> JSONResponse:
        """Delete a file."""
        await self.plugin.files.delete(request.user, file_id)
        return json_response(DeletionMessage("File deleted successfully"))
