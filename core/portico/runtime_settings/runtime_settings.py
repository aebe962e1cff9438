"""Settings that administrators change while the server runs: the operator's value, else the stored one, else the default."""

from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Generic, TypeVar

import msgspec

from portico.audit import record_change
from portico.db import transaction
from portico.errors import InvalidRequest
from portico.runtime_settings.store import SettingsStore
from portico.settings.conversion import InvalidValue, convert
from portico.settings.fields import Field, fields_of
from portico.settings.masking import masked
from portico.settings.section import Secret, Section
from portico.settings.type_descriptions import describe_type

S = TypeVar("S", bound=Section)

#: Why another value of a pinned setting is refused. Sending back the current value is accepted.
PINNED = "the operator has set this in a file or the environment, and it can only be changed there"
#: Prefix of the stored names: `settings.ui.enable_signup`.
PREFIX = "settings."


class RuntimeSection(Generic[S]):
    """One section with its current values. `pinned`: names of the fields that the operator has set."""

    def __init__(self, settings: S, pinned: Collection[str], store: SettingsStore) -> None:
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
        stored = await self._store.get(PREFIX)
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


class RuntimeSettings:
    """All runtime settings of one application, by the names of their variables, such as `ENABLE_SIGNUP`."""

    def __init__(self, store: SettingsStore) -> None:
        self._store = store
        self._sections: dict[type[Section], RuntimeSection[Any]] = {}
        self._owners: dict[str, tuple[RuntimeSection[Any], Field]] = {}

    def add(self, settings: S, pinned: Collection[str] = ()) -> RuntimeSection[S]:
        """Register a section. `pinned`: names of the fields that the operator has set."""
        section = RuntimeSection(settings, pinned, self._store)
        self._sections[type(settings)] = section
        for field in section.fields.values():
            self._owners[field.variables[0]] = section, field
        return section

    def section(self, kind: type[S]) -> RuntimeSection[S]:
        """Return the section of this type of settings. Keep it, and call its `current` each time.

        Raises: LookupError if no active plugin has such settings.
        """
        if kind not in self._sections:
            raise LookupError(f"no active plugin has registered the settings {kind.__name__}")
        return self._sections[kind]

    async def values(self) -> dict[str, Any]:
        """Return all current values by variable."""
        stored = await self._store.get(PREFIX)
        sections = {id(section): section.with_stored(stored) for section in self._sections.values()}
        return {
            variable: getattr(sections[id(section)], field.name)
            for variable, (section, field) in self._owners.items()
        }

    def pinned(self) -> list[str]:
        """Return the variables of all pinned settings, sorted."""
        return sorted(
            name for name, (section, field) in self._owners.items() if field.name in section.pinned
        )

    @asynccontextmanager
    async def locked(self, kind: type[Section]) -> AsyncIterator[None]:
        """Open a transaction in which no other one changes the settings of this type, and read what is stored now.

        For a change that depends on the present values, such as one of lists that belong together.
        """
        fields = self.section(kind).fields.values()
        async with transaction():
            await self._store.lock([PREFIX + field.runtime_key for field in fields])
            yield

    async def change(self, given: Mapping[str, Any], by: str) -> None:
        """Store values, all or none. `by`: id of the account that changes them.

        Raises: InvalidRequest, with the name of the setting, for an invalid value, for another value of a pinned
        setting, and for a setting that no active plugin has.
        """
        wanted: dict[str, Any] = {}
        async with transaction():
            await self._lock(given)
            current = await self.values()
            for variable, value in given.items():
                section, field = self._owners[variable]
                if value == current[variable]:
                    continue
                if _converted(variable, value, field) == current[variable]:
                    continue  # clients send plain data, such as objects and the text of secrets
                if field.name in section.pinned:
                    raise InvalidRequest(f"[ERROR: {variable}: {PINNED}]")
                wanted[variable] = value
            if wanted:
                await self._store_values(wanted, current, by)

    async def _lock(self, given: Iterable[str]) -> None:
        """Lock these settings, so that no change is compared with values that another one has replaced meanwhile.

        Raises: InvalidRequest.
        """
        names = []
        for variable in given:
            if variable not in self._owners:
                raise InvalidRequest(f"[ERROR: {variable}: no active plugin has this setting]")
            names.append(PREFIX + self._owners[variable][1].runtime_key)
        await self._store.lock(names)

    async def _store_values(
        self, wanted: Mapping[str, Any], current: Mapping[str, Any], by: str
    ) -> None:
        fields = {variable: self._owners[variable][1] for variable in wanted}
        names = {PREFIX + field.runtime_key: variable for variable, field in fields.items()}
        secret = {name for name, variable in names.items() if fields[variable].is_secret}
        stored = {name: wanted[variable] for name, variable in names.items()}
        changed = await self._store.set(stored, by, secret)
        if changed:
            variables = sorted(names[name] for name in changed)
            was = {one: _shown(current[one], fields[one]) for one in variables}
            became = {one: _shown(wanted[one], fields[one]) for one in variables}
            await record_change("setting.changed", "settings", "", was, became)


def _converted(variable: str, value: Any, field: Field) -> Any:
    """Return a value in the type of its setting. Raises: InvalidRequest."""
    try:
        return convert(value, field)
    except InvalidValue as error:
        detail = f"; {error}" if str(error) else ""
        raise InvalidRequest(
            f"[ERROR: {variable}: expected {describe_type(field)}{detail}]"
        ) from None


def _shown(value: Any, field: Field) -> Any:
    """Return a value for the audit log, with secrets masked."""
    if not field.is_secret:
        return value
    try:
        return masked(convert(msgspec.to_builtins(value, enc_hook=Secret.reveal), field))
    except InvalidValue:
        return None
