"""What people keep with their own account: settings, information, a status."""

from typing import Any

import msgspec
from litestar.params import JSONBody

from portico.api import (
    MAX_USER_DATA_BYTES,
    Actor,
    AppContext,
    JSONResponse,
    RawFields,
    Request,
    ValidationError,
    get,
    json_response,
    post,
)
from portico_accounts.schemas import StatusForm, User
from portico_accounts.service import AccountService

#: Bytes: what may be kept, and room for what a client wraps it in.
BODY = MAX_USER_DATA_BYTES + 64 * 1024
TOOL_SERVERS = "toolServers"

_OBJECT = msgspec.json.Decoder(RawFields | None)


def routes(app: AppContext, people: AccountService) -> list[Any]:
    """Handlers that work in this house."""
    papers = app.identity.user_data

    @get("/api/v1/users/user/settings", response_type=dict[str, Any] | None)
    async def settings(request: Request) -> JSONResponse:
        """The caller's settings, null before the first time."""
        return json_response(await papers.read(request.user.id, "settings"))

    @post("/api/v1/users/user/settings/update", max_body=BODY, response_type=dict[str, Any])
    async def update_settings(request: Request, data: JSONBody[RawFields]) -> JSONResponse:
        """Replace top-level keys of the caller's settings; `ui` always, with nothing if it is left out."""
        changes = await checked_settings(app, request.user, data)
        return json_response(await papers.update(request.user.id, "settings", changes))

    @get("/api/v1/users/user/info", response_type=dict[str, Any] | None)
    async def info(request: Request) -> JSONResponse:
        """What the caller's client noted about them, such as where they are; null before the first time."""
        return json_response(await papers.read(request.user.id, "info"))

    @post("/api/v1/users/user/info/update", max_body=BODY, response_type=dict[str, Any])
    async def update_info(request: Request, data: JSONBody[RawFields]) -> JSONResponse:
        """Replace top-level keys of it."""
        return json_response(await papers.update(request.user.id, "info", check_text(data)))

    @get("/api/v1/users/user/status", response_type=User)
    async def status(request: Request) -> JSONResponse:
        """The caller's own account."""
        return json_response(await people.get_own(request.user))

    @post("/api/v1/users/user/status/update", response_type=User)
    async def update_status(request: Request, data: JSONBody[StatusForm]) -> JSONResponse:
        """Say what one is up to. What is null or left out stays as it was."""
        texts = [
            text and text.replace("\x00", "") for text in (data.status_emoji, data.status_message)
        ]
        await papers.set_status(request.user.id, texts[0], texts[1], data.status_expires_at)
        return json_response(await people.get_own(request.user))

    return [settings, update_settings, info, update_info, status, update_status]


async def checked_settings(app: AppContext, actor: Actor, parts: RawFields) -> RawFields:
    """Settings as they may be kept. Tool servers of one's own need the permission for them.

    Raises: Misshapen if `ui` is no object.
    """
    check_text(parts)
    try:
        ui = _OBJECT.decode(parts.get("ui", b"null")) or {}
    except msgspec.MsgspecError:
        raise _misfit("dict_type", "ui", "Expected `object`") from None
    if TOOL_SERVERS in ui and not await app.identity.is_permitted(
        actor, "features.direct_tool_servers"
    ):
        del ui[TOOL_SERVERS]
    return parts | {"ui": msgspec.Raw(msgspec.json.encode(ui))}


def check_text(parts: RawFields) -> RawFields:
    """The same. Raises: Misshapen for bytes that are no UTF-8, over which the decoder passes."""
    for name, part in parts.items():
        try:
            bytes(part).decode()
        except UnicodeDecodeError:
            raise _misfit("json_invalid", name, "It is not UTF-8") from None
    return parts


def _misfit(kind: str, name: str, message: str) -> ValidationError:
    return ValidationError([{"type": kind, "loc": ["body", name], "msg": message}])
