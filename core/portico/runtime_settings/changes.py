"""Past changes of settings: shown with masks in place of secrets, and undone."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec

from portico.db import transaction
from portico.errors import InvalidRequest, NotFound
from portico.runtime_settings.history import PastChange, PastValue
from portico.runtime_settings.presentation import shown
from portico.runtime_settings.runtime_settings import RuntimeSettings
from portico.runtime_settings.section import PREFIX
from portico.runtime_settings.store import SettingsStore

#: Stores earlier values by stored name, UNSET = as configured; `by`: id of the account. Raises: InvalidRequest, Forbidden.
Restorer: TypeAlias = Callable[[Mapping[str, Any], str], Awaitable[None]]


class SettingBefore(msgspec.Struct, frozen=True, kw_only=True):
    """What a setting was before a change.

    `variable`: null if no active plugin has the setting. `was_stored`: else `old` is null, and the default was in force.
    `old`: secrets are masked.
    """

    variable: str | None
    key: str
    was_stored: bool
    old: Any


class SettingsChange(msgspec.Struct, frozen=True, kw_only=True):
    """One change. `number`: the version of its settings after it. Units: `at` in epoch seconds.

    `author`: id of an account, empty for the command line; `author_name`: null if the account is gone.
    """

    number: int
    at: int
    author: str
    author_name: str | None
    settings: list[SettingBefore]


class SettingsChanges:
    """Lists and undoes changes."""

    def __init__(self, runtime_settings: RuntimeSettings, store: SettingsStore) -> None:
        self._runtime_settings, self._store = runtime_settings, store
        self._restorers: dict[str, Restorer] = {}

    def add_restorer(self, prefix: str, restorer: Restorer) -> None:
        """Register what restores stored values that belong to no section, by the prefix of their names.

        Raises: ValueError if the prefix has one already.
        """
        if prefix in self._restorers:
            raise ValueError(f"stored names that begin with {prefix!r} have a restorer already")
        self._restorers[prefix] = restorer

    async def page(self, before: int | None = None, setting: str = "") -> list[SettingsChange]:
        """Return 50 changes with a smaller number than `before`, newest first.

        `setting`: a variable or a key; empty = changes of all settings.
        """
        found = await self._store.history.page(before, self._stored_name(setting))
        return [self._view(one) for one in found]

    async def undo(self, number: int, by: str, setting: str = "") -> None:
        """Store what the settings of a change were before it, all or none, as another change.

        `setting`: only this one of them. Raises: NotFound for a change that is not kept; InvalidRequest for a setting
        that was changed again later, is pinned, or whose earlier value is not valid any more.
        """
        async with transaction():
            change = await self._store.history.find(number)
            values = list(change.values) if change else []
            if setting:
                name = self._stored_name(setting)
                values = [one for one in values if one.name == name]
            if not values:
                raise NotFound
            await self._store.lock([one.name for one in values])
            await self._check_undoable(number, values)
            await self._restore({one.name: one.value for one in values}, by)

    async def _check_undoable(self, number: int, values: Sequence[PastValue]) -> None:
        stored = await self._store.stored()
        for one in values:
            if not one.is_readable:
                raise InvalidRequest(
                    f"[ERROR: {self._title(one.name)}: its earlier value cannot be decrypted]"
                )
            if (version := stored[one.name].version) != number:
                raise InvalidRequest(
                    f"[ERROR: {self._title(one.name)}: it was changed again by change {version}. Undo that one first]"
                )

    async def _restore(self, values: Mapping[str, Any], by: str) -> None:
        settings: dict[str, Any] = {}
        others: dict[str, dict[str, Any]] = {}
        for name, value in values.items():
            owner = self._runtime_settings.owner(name.removeprefix(PREFIX))
            if name.startswith(PREFIX) and owner:
                settings[owner[0]] = value
                continue
            prefix = next((one for one in self._restorers if name.startswith(one)), None)
            if prefix is None:
                raise InvalidRequest(f"[ERROR: {name}: no active plugin has this setting]")
            others.setdefault(prefix, {})[name] = value
        if settings:
            self._runtime_settings.check_pinned(settings)
            await self._runtime_settings.submit(settings, by)
        for prefix, given in others.items():
            await self._restorers[prefix](given, by)

    def _view(self, change: PastChange) -> SettingsChange:
        return SettingsChange(
            number=change.number,
            at=change.at,
            author=change.author,
            author_name=change.author_name,
            settings=[self._before(one) for one in change.values],
        )

    def _before(self, past: PastValue) -> SettingBefore:
        key = past.name.removeprefix(PREFIX)
        owner = self._runtime_settings.owner(key) if past.name.startswith(PREFIX) else None
        was_stored = past.value is not msgspec.UNSET
        old = None
        if was_stored and owner:
            old = shown(past.value, owner[1])
        elif was_stored and any(past.name.startswith(one) for one in self._restorers):
            old = past.value  # others may hold secrets of a plugin that is not loaded
        return SettingBefore(
            variable=owner[0] if owner else None,
            key=key,
            was_stored=was_stored or not past.is_readable,
            old=old,
        )

    def _stored_name(self, setting: str) -> str:
        """Return the stored name of a setting; the text itself for one that no active plugin has."""
        if not setting:
            return ""
        key = self._runtime_settings.key_of(setting) or setting
        return PREFIX + key if self._runtime_settings.owner(key) else setting

    def _title(self, name: str) -> str:
        owner = self._runtime_settings.owner(name.removeprefix(PREFIX))
        return owner[0] if owner and name.startswith(PREFIX) else name
