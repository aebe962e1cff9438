"""What administrators set while the house runs: one form, as clients know it, over the settings of many plugins.

What the operator set in the environment or in portico.toml beats what is stored, and `pinned` names it: another value for it
is refused, its present one is not, because clients send whole forms back.
"""

import re
from typing import Any

import msgspec
from litestar.params import JSONBody

from portico.api import (
    Actor,
    AppContext,
    Forbidden,
    InvalidRequest,
    JSONResponse,
    Request,
    get,
    is_valid_lifetime,
    json_response,
    post,
)
from portico_accounts.schemas import AdminConfig, AdminConfigAnswer

#: Seconds. Anything shorter would lock out whoever sets it before they can take it back.
SHORTEST_SESSION = 300
#: One number and one unit; the grammar of the environment variable takes more.
_SPAN = re.compile(r"-1|0|\d+(?:\.\d+)?(?:ms|s|m|h|d|w)", re.ASCII)
_ROLES = ("pending", "user", "admin")


def routes(app: AppContext) -> list[Any]:
    """Handlers that work in this house."""
    settings = AdminConfigService(app)

    @get("/api/v1/auths/admin/config", requires="setting:read", response_type=AdminConfigAnswer)
    async def read(request: Request) -> JSONResponse:
        """What is in force."""
        return json_response(await settings.in_force())

    @post(
        "/api/v1/auths/admin/config",
        requires="setting:write",
        session_only=True,
        response_type=AdminConfigAnswer,
    )
    async def write(request: Request, data: JSONBody[AdminConfig]) -> JSONResponse:
        """Set all of it. The answer says what is in force now, on this instance at once."""
        return json_response(await settings.update(request.user, data))

    return [read, write]


class AdminConfigService:
    """The form of one house."""

    def __init__(self, app: AppContext) -> None:
        self._app = app

    async def in_force(self) -> AdminConfigAnswer:
        """What no plugin of this house has a switch for is off."""
        found = await self._app.runtime_settings.values()
        off = {name: "" if kind is str else False for name, kind in _KINDS.items()}
        known = {name: found[name] for name in off.keys() & found.keys()}
        # Unset means: open for the very first account, and that one is here.
        known["ENABLE_SIGNUP"] = bool(known.get("ENABLE_SIGNUP"))
        pinned = [name for name in self._app.runtime_settings.pinned() if name in off]
        return AdminConfigAnswer(**off | known, pinned=pinned)

    async def update(self, actor: Actor, form: AdminConfig) -> AdminConfigAnswer:
        """Store what is another than what is in force: all of the form, or nothing.

        Raises: Invalid, naming the field, for a value that makes no sense, or that the operator has set; Forbidden for
        newcomers who would be administrators, if the caller is none.
        """
        was = await self.in_force()
        given = {name: getattr(form, name) for name in _KINDS}
        given = {name: "" if value is None else value for name, value in given.items()}
        wanted = {name: value for name, value in given.items() if value != getattr(was, name)}
        await self._check(actor, wanted)
        await self._app.runtime_settings.change(wanted, actor.id)
        return await self.in_force()

    async def _check(self, actor: Actor, wanted: dict[str, Any]) -> None:
        role = wanted.get("DEFAULT_USER_ROLE", "user")
        if role not in _ROLES:
            raise InvalidRequest(f"[ERROR: DEFAULT_USER_ROLE: one of {', '.join(_ROLES)}]")
        lifetime = wanted.get("JWT_EXPIRES_IN", "-1")
        if not (_SPAN.fullmatch(lifetime) and is_valid_lifetime(lifetime, SHORTEST_SESSION)):
            raise InvalidRequest(
                f"[ERROR: JWT_EXPIRES_IN: one number and one unit, such as 4w, of at least {SHORTEST_SESSION} s; "
                "-1 or 0 = no end]"
            )
        if role == "admin" and not actor.is_admin:
            raise Forbidden
        group = wanted.get("DEFAULT_GROUP_ID")
        if group and await self._app.identity.groups.find(group) is None:
            raise InvalidRequest("[ERROR: DEFAULT_GROUP_ID: there is no such group]")


_KINDS = {
    field.name: bool if field.type is bool else str for field in msgspec.structs.fields(AdminConfig)
}
