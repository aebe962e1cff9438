"""Export and import of all stored settings as one document, nested by the paths of the settings."""

from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Any, Final

from msgspec import UNSET

from portico.api import AppContext, Forbidden, InvalidRequest
from portico.api.auth import Actor
from portico.api.db import RollBack, transaction

#: The path of the default permissions, which are stored one by one.
PERMISSIONS_PATH: Final = "user.permissions"
#: Paths that other servers export and that say nothing about settings.
_NO_SETTINGS: Final = frozenset({"version", "ignored"})
#: Ignored paths that an answer names.
MAX_NAMED: Final = 200
MAX_NAMED_CHARS: Final = 200


class SettingsTransfer:
    """Exports and imports settings. Only administrators import, since an import may change who becomes one."""

    def __init__(self, app: AppContext) -> None:
        self._app = app

    async def export(self) -> dict[str, Any]:
        """Return what administrators have stored, with masks in place of secrets."""
        document: dict[str, Any] = {}
        for path, value in (await self._app.runtime_settings.stored_values()).items():
            _put(document, path, value)
        if await self._app.identity.defaults.are_stored():
            _put(document, PERMISSIONS_PATH, await self._app.identity.defaults.tree())
        return document

    async def import_document(
        self, actor: Actor, document: Mapping[str, Any], *, keep_absent: bool, dry_run: bool
    ) -> dict[str, Any]:
        """Store the settings of a document, all or none, and return what is stored then.

        Settings that it leaves out return to their defaults, unless `keep_absent`. Paths that no active plugin has are
        named in `ignored`. `dry_run`: store nothing. Raises: Forbidden; InvalidRequest with the setting.
        """
        if not actor.is_admin:
            raise Forbidden
        settings = self._app.runtime_settings
        values, ignored = _split(document, {*settings.keys(), PERMISSIONS_PATH})
        answer: dict[str, Any] = {}
        with suppress(RollBack):
            async with transaction():
                await self._store(actor, values, keep_absent=keep_absent)
                answer = await self.export()
                if dry_run:
                    raise RollBack
        return answer | ({"ignored": ignored} if ignored else {})

    async def _store(self, actor: Actor, values: dict[str, Any], *, keep_absent: bool) -> None:
        settings, defaults = self._app.runtime_settings, self._app.identity.defaults
        if (permissions := values.pop(PERMISSIONS_PATH, None)) is not None:
            permissions = _mapping(permissions)
            tree = await defaults.tree()
            sections = {
                name: {**(words if keep_absent else {}), **_mapping(permissions.get(name))}
                for name, words in tree.items()
            }
            await defaults.change(sections, actor.id)
        elif not keep_absent:
            await defaults.reset(actor.id)
        given = {}
        for path, value in values.items():
            owner = settings.owner(path)
            assert owner is not None
            given[owner[0]] = UNSET if value is None else value
        if not keep_absent:
            for state in await settings.states():
                if state.is_stored and state.variable not in given:
                    given[state.variable] = UNSET
        await settings.submit(given, actor.id)


def _mapping(value: Any) -> Mapping[str, Any]:
    if isinstance(value, Mapping) or value is None:
        return value or {}
    raise InvalidRequest(f"[ERROR: {PERMISSIONS_PATH}: expected tables]")


def _put(document: dict[str, Any], path: str, value: Any) -> None:
    *parents, name = path.split(".")
    for parent in parents:
        document = document.setdefault(parent, {})
    document[name] = value


def _split(document: Mapping[str, Any], known: Collection[str]) -> tuple[dict[str, Any], list[str]]:
    """Return the values at known paths, and the first of the other paths."""
    parents = {path[:at] for path in known for at, char in enumerate(path) if char == "."}
    values: dict[str, Any] = {}
    ignored: list[str] = []

    def visit(prefix: str, node: Mapping[str, Any]) -> None:
        for name, value in node.items():
            path = f"{prefix}{name}"
            if path in known:
                values[path] = value
            elif path in parents and isinstance(value, Mapping):
                visit(f"{path}.", value)
            elif path not in _NO_SETTINGS and len(ignored) < MAX_NAMED:
                ignored.append(path[:MAX_NAMED_CHARS])

    visit("", document)
    return values, ignored
