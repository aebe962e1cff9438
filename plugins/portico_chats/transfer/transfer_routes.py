"""Bringing chats in over HTTP. What happens is in `importing.py`."""

from io import BytesIO
from typing import Any, Final

import msgspec
from litestar.params import FromQuery, JSONBody

from portico.api import (
    House,
    Reply,
    ReplyStream,
    Request,
    as_array,
    misfit,
    post,
    query_flag,
    stream_reply,
    unreadable,
)
from portico_chats.making import Making
from portico_chats.schemas import Chat
from portico_chats.transfer import takeout
from portico_chats.transfer.importing import Import

#: Bytes of what may be brought in at once: on SQLite, others wait to write while it is written.
LARGEST_IMPORT: Final = 32 * 1024 * 1024
#: JSON values in it. None of them is decoded at once.
MAX_IMPORT_VALUES: Final = 8_000_000


class ChatsImport(msgspec.Struct):
    """What is brought in, which may also be the list alone, as an export is."""

    chats: msgspec.Raw


_DECODER: Final = msgspec.json.Decoder(ChatsImport)


def routes(app: House) -> list[Any]:
    """Handlers that work in this house."""
    making = Making(app)

    @post(
        "/api/v1/chats/import",
        answers=list[Chat],
        max_body=LARGEST_IMPORT,
        max_values=MAX_IMPORT_VALUES,
    )
    async def bring(
        request: Request, data: JSONBody[msgspec.Raw], dry_run: FromQuery[str] = ""
    ) -> ReplyStream:
        """Bring in many, all or none, as new chats of the caller's. `dry_run`: only say what would happen.

        The body: `{"chats": […]}`, or the list alone. Of a chat: `chat`, and what else a chat has, if it is there.
        """
        await making.allow(request.user)
        text, under = _list_in(await request.body())

        work = Import(app, request.user.id, BytesIO(text), origin=request.user.session_id)
        if query_flag("dry_run", dry_run):
            return stream_reply(request, Reply(body=msgspec.json.encode(await work.rehearse())))
        report = await work.run(under)
        made = [one.id for one in report.chats if one.id is not msgspec.UNSET]
        return stream_reply(request, Reply(body=as_array(takeout.some(made))))

    return [bring]


def _list_in(body: bytes) -> tuple[bytes, tuple[str, ...]]:
    """The JSON of the list, and the names on the way to it. It is not taken apart: it may have millions of elements.

    Raises: Misshapen.
    """
    text, under = body, tuple[str, ...]()
    if not body.lstrip().startswith(b"["):
        try:
            text, under = bytes(_DECODER.decode(body).chats), ("chats",)
        except msgspec.ValidationError as error:
            raise unreadable(error) from None
        if not text.startswith(b"["):
            raise misfit("chats", "list_type", "Expected `array`")
    return text, under
