"""Contents of files, as browsers may show them: what could run scripts is only downloaded."""

from typing import Annotated, Final
from urllib.parse import quote

from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromQuery, PathParameter
from litestar.types import ASGIApp

from portico.api.models import SourceResponse
from portico.api.web import (
    Controller,
    JSONResponse,
    QueryFlag,
    Request,
    UnsatisfiableRange,
    get,
    names_etag,
    parse_query_flag,
    read_range,
    stream_response,
)
from portico_files.components import FilesPlugin
from portico_files.content_type import BINARY, IMAGES
from portico_files.opened_content import opened
from portico_files.schemas import FileRow

CONTENT: Final = "/api/v1/files/{file_id:str}/content"
FileId = Annotated[str, PathParameter(description="The file's id")]
#: Of a file that is shown: it loads nothing and runs nothing. Viewers of PDF files in browsers need what is allowed here.
POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; object-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'"
)
RESPONSES: Final = {
    200: ResponseSpec(bytes, generate_examples=False, description="The content.", media_type="*/*"),
    206: ResponseSpec(
        bytes, generate_examples=False, description="A part of the content.", media_type="*/*"
    ),
    304: ResponseSpec(None, description="The caller's copy is up to date."),
    416: ResponseSpec(None, description="The file has no such part."),
}
#: Types that browsers show without running anything.
_SHOWN: Final = IMAGES | {"application/pdf"}
_CACHING: Final = (b"cache-control", b"private, no-cache")


class ContentRoutes(Controller):
    """`/api/v1/files/{file_id}/content`."""

    plugin: FilesPlugin

    @get(CONTENT, content_policy=POLICY, responses=RESPONSES)
    async def get_content(
        self, request: Request, file_id: FileId, *, attachment: FromQuery[QueryFlag] = "false"
    ) -> ASGIApp:
        """Return the content of a file. Images, PDF files and texts are shown by browsers, all others downloaded."""
        row = await self.plugin.files.find(request.user, file_id)
        return await self._response(
            request, row, shown=not parse_query_flag("attachment", attachment)
        )

    @get(f"{CONTENT}/{{file_name:str}}", content_policy=POLICY, responses=RESPONSES)
    async def download_content(
        self,
        request: Request,
        file_id: FileId,
        file_name: Annotated[str, PathParameter(description="Any name")],
    ) -> ASGIApp:
        """Return the content of a file for download, whatever the name in the address is."""
        row = await self.plugin.files.find(request.user, file_id)
        return await self._response(request, row, shown=False)

    async def _response(self, request: Request, row: FileRow, *, shown: bool) -> ASGIApp:
        tag = f'"{row.hash}"'
        kind, disposition = _presentation(row, shown=shown)
        headers = [_CACHING, (b"etag", tag.encode()), (b"accept-ranges", b"bytes"), disposition]
        if names_etag(request.headers.get("if-none-match", ""), tag):
            return JSONResponse(b"", status=304, headers=headers, content_type=kind.encode())
        part = None
        if request.headers.get("if-range", tag) == tag:
            try:
                part = read_range(request.headers.get("range", ""), row.size)
            except UnsatisfiableRange:
                headers.append((b"content-range", b"bytes */%d" % row.size))
                return JSONResponse(b"", status=416, headers=headers, content_type=kind.encode())
        start, end = part or (0, row.size)
        if part is not None:
            headers.append((b"content-range", b"bytes %d-%d/%d" % (start, end - 1, row.size)))
        headers.append((b"content-length", b"%d" % (end - start)))
        reply = SourceResponse(
            body=await opened(self.plugin.files.content(row, start, end)),
            status=200 if part is None else 206,
            content_type=kind,
        )
        return stream_response(request, reply, headers)


def _presentation(row: FileRow, *, shown: bool) -> tuple[str, tuple[bytes, bytes]]:
    """Return the content type, and the header that says whether the file is shown or downloaded."""
    name = quote(row.filename, safe="")
    if row.is_text and shown:
        kind, word = "text/plain; charset=utf-8", "inline"
    elif row.content_type in _SHOWN:
        kind, word = row.content_type, "inline" if shown else "attachment"
    else:
        kind, word = BINARY, "attachment"
    return kind, (b"content-disposition", f"{word}; filename*=UTF-8''{name}".encode())
