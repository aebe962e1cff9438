"""What people keep with their own account: settings, information, a status."""

from typing import Any

import msgspec
from litestar.params import JSONBody

from portico.api import (
    LARGEST_PAPER,
    Actor,
    House,
    JSONBytes,
    Misshapen,
    Parts,
    Request,
    get,
    json_reply,
    post,
)
from portico_accounts.people import People
from portico_accounts.schemas import StatusForm, User

#: Bytes: what may be kept, and room for what a client wraps it in.
BODY = LARGEST_PAPER + 64 * 1024
TOOL_SERVERS = "toolServers"

_OBJECT = msgspec.json.Decoder(Parts | None)


def routes(house: House, people: People) -> list[Any]:
    """Handlers that work in this house."""
    papers = house.identity.papers

    @get("/api/v1/users/user/settings", answers=dict[str, Any] | None)
    async def settings(request: Request) -> JSONBytes:
        """The caller's settings, null before the first time."""
        return json_reply(await papers.read(request.user.id, "settings"))

    @post("/api/v1/users/user/settings/update", max_body=BODY, answers=dict[str, Any])
    async def update_settings(request: Request, data: JSONBody[Parts]) -> JSONBytes:
        """Replace top-level keys of the caller's settings; `ui` always, with nothing if it is left out."""
        changes = await checked_settings(house, request.user, data)
        return json_reply(await papers.lay_over(request.user.id, "settings", changes))

    @get("/api/v1/users/user/info", answers=dict[str, Any] | None)
    async def info(request: Request) -> JSONBytes:
        """What the caller's client noted about them, such as where they are; null before the first time."""
        return json_reply(await papers.read(request.user.id, "info"))

    @post("/api/v1/users/user/info/update", max_body=BODY, answers=dict[str, Any])
    async def update_info(request: Request, data: JSONBody[Parts]) -> JSONBytes:
        """Replace top-level keys of it."""
        return json_reply(await papers.lay_over(request.user.id, "info", check_text(data)))

    @get("/api/v1/users/user/status", answers=User)
    async def status(request: Request) -> JSONBytes:
        """The caller's own account."""
        return json_reply(await people.own(request.user))

    @post("/api/v1/users/user/status/update", answers=User)
    async def update_status(request: Request, data: JSONBody[StatusForm]) -> JSONBytes:
        """Say what one is up to. What is null or left out stays as it was."""
        texts = [
            text and text.replace("\x00", "") for text in (data.status_emoji, data.status_message)
        ]
        await papers.set_status(request.user.id, texts[0], texts[1], data.status_expires_at)
        return json_reply(await people.own(request.user))

    return [settings, update_settings, info, update_info, status, update_status]


async def checked_settings(house: House, actor: Actor, parts: Parts) -> Parts:
    """Settings as they may be kept. Tool servers of one's own need the permission for them.

    Raises: Misshapen if `ui` is no object.
    """
    check_text(parts)
    try:
        ui = _OBJECT.decode(parts.get("ui", b"null")) or {}
    except msgspec.MsgspecError:
        raise _misfit("dict_type", "ui", "Expected `object`") from None
    if TOOL_SERVERS in ui and not await house.identity.is_permitted(
        actor, "features.direct_tool_servers"
    ):
        del ui[TOOL_SERVERS]
    return parts | {"ui": msgspec.Raw(msgspec.json.encode(ui))}


def check_text(parts: Parts) -> Parts:
    """The same. Raises: Misshapen for bytes that are no UTF-8, over which the decoder passes."""
    for name, part in parts.items():
        try:
            bytes(part).decode()
        except UnicodeDecodeError:
            raise _misfit("json_invalid", name, "It is not UTF-8") from None
    return parts


def _misfit(kind: str, name: str, message: str) -> Misshapen:
    return Misshapen([{"type": kind, "loc": ["body", name], "msg": message}])
