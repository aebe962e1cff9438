"""The route of the database."""

from typing import Final

from litestar.openapi.datastructures import ResponseSpec

from portico.api.models import SourceResponse
from portico.api.web import NO_STORE, Controller, Request, StreamResponse, get, stream_response
from portico_database_admin.download import DatabaseDownload

PATH: Final = "/api/v1/utils/db/download"
MEDIA_TYPE: Final = "application/octet-stream"
#: The name that clients of this API expect.
ATTACHMENT: Final = (b"content-disposition", b'attachment; filename="webui.db"')
RESPONSES: Final = {
    200: ResponseSpec(
        bytes, generate_examples=False, description="The file.", media_type=MEDIA_TYPE
    )
}


class DatabaseRoutes(Controller):
    """`/api/v1/utils/db/download`: a copy of the whole database."""

    plugin: DatabaseDownload

    @get(PATH, requires="database:download", session_only=True, responses=RESPONSES)
    async def download(self, request: Request) -> StreamResponse:
        """Return a consistent copy of the SQLite database, as it is now; encrypted if the database is.

        It has the data of all users. 400 on another database, and if the disk is too full for a copy; 429 while another
        copy is downloaded.
        """
        copy = await self.plugin.start(request.user)
        reply = SourceResponse(body=copy, content_type=MEDIA_TYPE)
        headers = (ATTACHMENT, NO_STORE, (b"content-length", b"%d" % copy.size))
        return stream_response(request, reply, headers)
