"""Route of the import."""

from io import BytesIO
from typing import Final

import msgspec
from litestar.params import FromQuery, JSONBody

from portico.api.json import json_array_stream
from portico.api.models import SourceResponse
from portico.api.web import (
    NO_STORE,
    Controller,
    Request,
    StreamResponse,
    parse_query_flag,
    post,
    stream_response,
)
from portico_chats.components import ChatsPlugin
from portico_chats.schemas import Chat
from portico_chats.transfer import exporter
from portico_chats.transfer.importer import ChatImport

#: Bytes of one import: on SQLite, other writers wait while it is written.
MAX_IMPORT_BYTES: Final = 32 * 1024 * 1024


class ImportRoutes(Controller):
    """`/api/v1/chats/import`."""

    plugin: ChatsPlugin

    @post(
        "/api/v1/chats/import",
        response_type=list[Chat],
        max_body=MAX_IMPORT_BYTES,
        reads_import=True,
        permission="chat.import",
        limited=True,
    )
    async def import_chats(
        self, request: Request, data: JSONBody[msgspec.Raw], dry_run: FromQuery[str] = ""
    ) -> StreamResponse:
        """Import many chats, all or none, as new chats of the caller. `dry_run`: only report what would happen.

        The body is an export: a list, `{"chats": […]}`, a single chat, JSON lines, or several documents one after
        the other; or ChatGPT's `conversations.json`. Of each chat `chat` is required; its other fields are
        optional.
        """
        actor, plugin = request.user, self.plugin
        await plugin.creator.check_may_store(actor)
        work = ChatImport(
            plugin.app,
            plugin.creator,
            actor.id,
            BytesIO(await request.body()),
            session_id=actor.session_id,
            may_create_folders=await plugin.app.identity.is_permitted(actor, "features.folders"),
        )
        if parse_query_flag("dry_run", dry_run):
            would = msgspec.json.encode(await work.dry_run())
            return stream_response(request, SourceResponse(body=would), [NO_STORE])
        report = await work.run()
        new_ids = [one.id for one in report.chats if one.id is not msgspec.UNSET]
        return stream_response(
            request, SourceResponse(body=json_array_stream(exporter.some(new_ids)))
        )
