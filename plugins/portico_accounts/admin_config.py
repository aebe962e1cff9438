"""The settings that administrators change while the server runs: one form over the runtime settings of all plugins.

A value from the environment or from portico.toml wins over a stored one, and `pinned` names it. Another value for it is
refused; the present one is accepted, because clients send whole forms back.
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import UNSET

from portico.api import AppContext, Forbidden, InvalidRequest
from portico.api.auth import Actor, is_valid_lifetime
from portico.api.interfaces import RefusalNotice
from portico_accounts.schemas import AdminConfig, AdminConfigAnswer

#: A shorter session would end before the administrator could undo the change.
MIN_SESSION_SECONDS = 300
#: One number and one unit; the environment variable accepts more forms.
_LIFETIME = re.compile(r"-1|0|\d+(?:\.\d+)?(?:ms|s|m|h|d|w)", re.ASCII)
_ROLES = ("pending", "user", "admin")


class AdminConfigService:
    """Reads and changes the runtime settings in the form of clients."""

    def __init__(self, app: AppContext) -> None:
        self._app = app
        app.runtime_settings.add_reader(type(app.identity.settings), self._read)

    async def current(self) -> AdminConfigAnswer:
        """Return the active values. Settings that no active plugin has are off."""
        values = await self._app.runtime_settings.values()
        defaults = {name: "" if kind is str else False for name, kind in _KINDS.items()}
        present = {name: values[name] for name in defaults.keys() & values.keys()}
        # Unset means: open until there is an account, and the caller has one.
        present["ENABLE_SIGNUP"] = bool(present.get("ENABLE_SIGNUP"))
        pinned = self._app.runtime_settings.pinned(defaults)
        return AdminConfigAnswer(**defaults | present, pinned=pinned)

    async def update(self, actor: Actor, form: AdminConfig) -> AdminConfigAnswer:
        """Store the values that differ from the active ones, all or none. A refusal is shown to the actor as a notice too.

        Raises: InvalidRequest, naming the field, for an invalid value, or another value of a pinned setting; Forbidden
        if the caller is not an administrator and makes new accounts administrators.
        """
        before = await self.current()
        given = {name: getattr(form, name) for name in _KINDS}
        given = {name: "" if value is None else value for name, value in given.items()}
        changes = {name: value for name, value in given.items() if value != getattr(before, name)}
        try:
            await self._check(actor, changes)
            await self._app.runtime_settings.change(changes, actor.id)
        except InvalidRequest as error:
            if notice := self._app.services.get(RefusalNotice):
                notice.show(actor.id, error.detail)
            raise
        return await self.current()

    async def _read(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """Check the settings of an import, or of an earlier change. Raises: InvalidRequest."""
        await self._check_values({n: value for n, value in given.items() if value is not UNSET})
        return given

    async def _check(self, actor: Actor, changes: dict[str, Any]) -> None:
        if changes.get("DEFAULT_USER_ROLE") == "admin" and not actor.is_admin:
            raise Forbidden
        await self._check_values(changes)

    async def _check_values(self, changes: Mapping[str, Any]) -> None:
        role = changes.get("DEFAULT_USER_ROLE", "user")
        if role not in _ROLES:
            raise InvalidRequest(f"[ERROR: DEFAULT_USER_ROLE: one of {', '.join(_ROLES)}]")
        lifetime = changes.get("JWT_EXPIRES_IN", "-1")
        if not (_LIFETIME.fullmatch(lifetime) and is_valid_lifetime(lifetime, MIN_SESSION_SECONDS)):
            raise InvalidRequest(
                f"[ERROR: JWT_EXPIRES_IN: one number and one unit, such as 4w, of at least {MIN_SESSION_SECONDS} s; "
                "-1 or 0 = no end]"
            )
        group = changes.get("DEFAULT_GROUP_ID")
        if group and await self._app.identity.groups.find(group) is None:
            raise InvalidRequest("[ERROR: DEFAULT_GROUP_ID: there is no such group]")


_KINDS = {
    field.name: bool if field.type is bool else str for field in msgspec.structs.fields(AdminConfig)
}
