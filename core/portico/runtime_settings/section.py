"""One section of settings with its current values: the operator's value, else the stored one, else the default."""

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any, Generic, TypeVar

from portico.runtime_settings.store import SettingsStore
from portico.settings.conversion import InvalidValue, convert
from portico.settings.fields import fields_of
from portico.settings.section import Section

S = TypeVar("S", bound=Section)

#: Prefix of the stored names: `settings.ui.enable_signup`.
PREFIX = "settings."


class RuntimeSection(Generic[S]):
    """One section with its current values. `pinned`: names of the fields that the operator has set.

    `faults`: what the operator has set wrongly, as sentences by the part of the plugin that it concerns (`setting(part=…)`).
    """

    def __init__(
        self,
        settings: S,
        pinned: Collection[str],
        store: SettingsStore,
        faults: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.faults = faults
        self.configured = settings
        self.fields = {one.name: one for one in fields_of(type(settings)) if one.runtime_key}
        self.pinned = frozenset(pinned)
        self._store = store
        self._stored: Mapping[str, Any] = {}
        self._now = settings

    @property
    def cached(self) -> S:
        """The section as `current` last returned it; the configured values before the first call."""
        return self._now

    async def current(self) -> S:
        """Return the section with the stored values. The store caches them, for all sections together."""
        if self._store.cached(PREFIX) is self._stored:
            return self._now  # mostly: each request asks several times
        return self.adopt(await self._store.get(PREFIX))

    def adopt(self, stored: Mapping[str, Any]) -> S:
        """Return the section with these values of the store, which stay its current ones."""
        if self._store.is_changing():
            return self.with_stored(stored)  # it may be rolled back, and others do not see it yet
        if stored is not self._stored:
            if stored != self._stored:
                self._now = self.with_stored(stored)
            self._stored = stored
        return self._now

    def with_stored(self, stored: Mapping[str, Any]) -> S:
        """Return the section with these values. Invalid ones, which another version may have stored, are ignored."""
        if stored is self._stored:
            return self._now
        values = {
            name: getattr(self.configured, name) for name in self.configured.__struct_fields__
        }
        for name, field in self.fields.items():
            if name in self.pinned or (key := PREFIX + field.runtime_key) not in stored:
                continue
            try:
                values[name] = convert(stored[key], field)
            except InvalidValue:
                continue
        return type(self.configured)(**values)
