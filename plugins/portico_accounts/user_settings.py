"""Checks of the settings that clients store with an account."""

import msgspec

from portico.api import AppContext
from portico.api.auth import Actor
from portico.api.json import RawFields, field_error

TOOL_SERVERS = "toolServers"

_OBJECT = msgspec.json.Decoder(RawFields | None)


class UserSettings:
    """Decides which settings a user may store."""

    def __init__(self, app: AppContext) -> None:
        self._identity = app.identity

    async def checked(self, actor: Actor, fields: RawFields) -> RawFields:
        """Return the settings without tool servers, if the user lacks the permission for them.

        Raises: ValidationError if `ui` is not an object, or a value is not UTF-8.
        """
        check_utf8(fields)
        try:
            ui = _OBJECT.decode(fields.get("ui", b"null")) or {}
        except msgspec.MsgspecError:
            raise field_error("ui", "dict_type", "Expected `object`") from None
        if TOOL_SERVERS in ui and not await self._identity.is_permitted(
            actor, "features.direct_tool_servers"
        ):
            del ui[TOOL_SERVERS]
        return fields | {"ui": msgspec.Raw(msgspec.json.encode(ui))}


def check_utf8(fields: RawFields) -> RawFields:
    """Return the same fields. Raises: ValidationError for bytes that are not UTF-8, which the decoder accepts."""
    for name, value in fields.items():
        try:
            bytes(value).decode()
        except UnicodeDecodeError:
            raise field_error(name, "json_invalid", "It is not UTF-8") from None
    return fields
