"""Settings that administrators change while the server runs: the operator's value, else the stored one, else the default."""

from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Iterable,
    Mapping,
    Sequence,
)
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import Any, TypeAlias

import msgspec

from portico.audit import record_change
from portico.db import transaction
from portico.errors import InvalidRequest
from portico.runtime_settings.presentation import SettingState, converted, last_change, shown
from portico.runtime_settings.section import PREFIX, RuntimeSection, S
from portico.runtime_settings.store import SettingsStore
from portico.settings.fields import Field
from portico.settings.masking import MASK
from portico.settings.section import Secret, Section

#: Why another value of a pinned setting is refused. Sending back the current value is accepted.
PINNED = "the operator has set this in a file or the environment, and it can only be changed there"
#: Returns the values to store of those that a client sends, both by variable. Raises: InvalidRequest.
ValuesReader: TypeAlias = Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any]]]


class RuntimeSettings:
    """All runtime settings of one application, by the names of their variables, such as `ENABLE_SIGNUP`."""

    def __init__(self, store: SettingsStore) -> None:
        self._store = store
        self._sections: dict[type[Section], RuntimeSection[Any]] = {}
        self._owners: dict[str, tuple[RuntimeSection[Any], Field]] = {}
        self._by_key: dict[str, tuple[str, Field]] = {}
        self._readers: dict[type[Section], ValuesReader] = {}
        self._stored: Mapping[str, Any] | None = None
        self._values: Mapping[str, Any] = {}

    def add(
        self,
        settings: S,
        pinned: Collection[str] = (),
        faults: Mapping[str, str] = MappingProxyType({}),
    ) -> RuntimeSection[S]:
        """Register a section. `pinned`: names of the fields that the operator has set; `faults`: by part of the plugin."""
        section = RuntimeSection(settings, pinned, self._store, faults)
        self._stored = None
        self._sections[type(settings)] = section
        for field in section.fields.values():
            self._owners[field.variables[0]] = section, field
            self._by_key[field.runtime_key] = field.variables[0], field
        return section

    @property
    def configured(self) -> list[Section]:
        """The settings of all sections, as the operator has set them."""
        return [section.configured for section in self._sections.values()]

    def remove(self, settings: Section) -> None:
        """Remove a section that was added with these settings, such as that of a plugin that has failed."""
        section = self._sections.get(type(settings))
        if section is None or section.configured is not settings:
            return
        del self._sections[type(settings)]
        self._readers.pop(type(settings), None)
        self._stored = None
        for field in section.fields.values():
            self._owners.pop(field.variables[0], None)
            self._by_key.pop(field.runtime_key, None)

    def section(self, kind: type[S]) -> RuntimeSection[S]:
        """Return the section of this type of settings. Keep it, and call its `current` each time.

        Raises: LookupError if no active plugin has such settings.
        """
        if kind not in self._sections:
            raise LookupError(f"no active plugin has registered the settings {kind.__name__}")
        return self._sections[kind]

    async def values(self) -> Mapping[str, Any]:
        """Return all current values by variable. Do not change the result: it is shared."""
        stored = await self._store.get(PREFIX)
        if self._store.is_changing():
            return self._values_with(stored)  # it may be rolled back, and others do not see it yet
        if stored is not self._stored:
            if stored != self._stored:
                self._values = self._values_with(stored)
            self._stored = stored
        return self._values

    def _values_with(self, stored: Mapping[str, Any]) -> Mapping[str, Any]:
        sections = {id(section): section.with_stored(stored) for section in self._sections.values()}
        return {
            variable: getattr(sections[id(section)], field.name)
            for variable, (section, field) in self._owners.items()
        }

    def pinned(self, among: Collection[str]) -> list[str]:
        """Return those of these variables whose settings are pinned, sorted."""
        return sorted(
            name
            for name, (section, field) in self._owners.items()
            if name in among and field.name in section.pinned
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

    async def change(
        self, given: Mapping[str, Any], by: str, versions: Mapping[str, int] | None = None
    ) -> None:
        """Store values, all or none; UNSET returns a setting to its default. `by`: id of the account that changes them.

        `versions`: the versions that the caller has seen, of settings that must not have been changed since.

        Raises: InvalidRequest, with the name of the setting, for an invalid value, for another value of a pinned
        setting, for a setting that no active plugin has, and for one that was changed since.
        """
        wanted: dict[str, Any] = {}
        async with transaction():
            await self._lock({*given, *(versions or ())})
            if versions:
                await self._check_versions(versions)
            current = await self.values()
            for variable, value in given.items():
                section, field = self._owners[variable]
                if value is msgspec.UNSET:
                    if field.name not in section.pinned:
                        wanted[variable] = value
                    continue
                if value == current[variable]:
                    continue
                if converted(variable, value, field) == current[variable]:
                    continue  # clients send plain data, such as objects and the text of secrets
                if field.name in section.pinned:
                    raise InvalidRequest(f"[ERROR: {variable}: {PINNED}]")
                wanted[variable] = value
            if wanted:
                await self._store_values(wanted, current, by)

    async def is_current(self, variable: str, value: Any) -> bool:
        """Return whether a setting has this value now, given as plain data; a default counts, too."""
        current = (await self.values())[variable]
        try:
            return bool(
                value == current or converted(variable, value, self._owners[variable][1]) == current
            )
        except InvalidRequest:
            return False

    async def submit(
        self, given: Mapping[str, Any], by: str, versions: Mapping[str, int] | None = None
    ) -> None:
        """As `change`, for values that no form has checked: of an import, or of an earlier change.

        A mask in place of a secret leaves it as it is. Raises: InvalidRequest also for what the section refuses.
        """
        async with transaction():
            await self._lock(given)
            await self.change(await self._read(given), by, versions)

    def add_reader(self, kind: type[Section], reader: ValuesReader) -> None:
        """Register what checks values of a section, and replaces masks, that come from an import or an earlier change."""
        self._readers[kind] = reader

    def owner(self, key: str) -> tuple[str, Field] | None:
        """Return the variable and the field of the setting with this `runtime_key`; None if no active plugin has it."""
        return self._by_key.get(key)

    def key_of(self, variable: str) -> str | None:
        """Return the `runtime_key` of a setting; None if no active plugin has it."""
        found = self._owners.get(variable)
        return found[1].runtime_key if found else None

    def check_pinned(self, given: Mapping[str, Any]) -> None:
        """Check that no pinned setting would return to its default. Raises: InvalidRequest."""
        for variable, value in given.items():
            section, field = self._owners[variable]
            if value is msgspec.UNSET and field.name in section.pinned:
                raise InvalidRequest(f"[ERROR: {variable}: {PINNED}]")

    def keys(self) -> Sequence[str]:
        """Return the `runtime_key` of all settings of active plugins."""
        return list(self._by_key)

    async def states(self) -> list[SettingState]:
        """Return all settings with their present values, by variable."""
        stored, values = await self._store.stored(PREFIX), await self.values()
        return [
            SettingState(
                variable=variable,
                key=field.runtime_key,
                value=shown(values[variable], field),
                pinned=field.name in section.pinned,
                **last_change(stored.get(PREFIX + field.runtime_key)),
                description=field.description,
            )
            for variable, (section, field) in sorted(self._owners.items())
        ]

    async def stored_values(self, *, with_secrets: bool = False) -> dict[str, Any]:
        """Return the values that administrators have stored, by `runtime_key`, with masks in place of secrets.

        Only settings of active plugins. `with_secrets`: the secrets themselves; for the command line only.
        """
        stored = await self._store.get(PREFIX)
        found = {}
        for key, (_, field) in self._by_key.items():
            if PREFIX + key in stored:
                value = stored[PREFIX + key]
                found[key] = (
                    msgspec.to_builtins(value, enc_hook=Secret.reveal)
                    if with_secrets
                    else shown(value, field)
                )
        return found

    async def _read(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return values as `change` stores them: masks replaced by what they stand for. By variable; UNSET stays.

        Raises: InvalidRequest for a value that its section refuses, and for a mask that stands for nothing.
        """
        by_section: dict[type[Section], dict[str, Any]] = {}
        current = await self.values()
        for variable, value in values.items():
            section = self._owners[variable][0]
            by_section.setdefault(type(section.configured), {})[variable] = value
        read: dict[str, Any] = {}
        for kind, given in by_section.items():
            for variable, value in given.items():
                field = self._owners[variable][1]
                # A mask need not have the form of its setting, such as that of an address.
                is_mask = field.is_secret and value == shown(current[variable], field)
                if value is not msgspec.UNSET and not is_mask:
                    converted(variable, value, field)
            reader = self._readers.get(kind)
            read |= await reader(given) if reader else await self._without_masks(given)
        return read

    async def _without_masks(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return values without those that are masked as they are shown. Raises: InvalidRequest for any other mask."""
        current, kept = await self.values(), {}
        for variable, value in given.items():
            field = self._owners[variable][1]
            if field.is_secret and value is not msgspec.UNSET:
                if value == shown(current[variable], field):
                    continue
                if MASK in msgspec.json.encode(value).decode():
                    raise InvalidRequest(f"[ERROR: {variable}: send its secrets again]")
            kept[variable] = value
        return kept

    async def _check_versions(self, versions: Mapping[str, int]) -> None:
        stored = await self._store.stored(PREFIX)
        for variable, version in versions.items():
            name = PREFIX + self._owners[variable][1].runtime_key
            found = stored[name].version if name in stored else 0
            if found != version:
                raise InvalidRequest(
                    f"[ERROR: {variable}: it was changed meanwhile, by change {found}. Read it again first]"
                )

    async def _lock(self, given: Iterable[str]) -> None:
        """Lock these settings, so that no change is compared with values that another one has replaced meanwhile.

        Raises: InvalidRequest.
        """
        names = []
        for variable in given:
            if variable not in self._owners:
                raise InvalidRequest(f"[ERROR: {variable}: no active plugin has this setting]")
            names.append(PREFIX + self._owners[variable][1].runtime_key)
        await self._store.lock(sorted(names))

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
            was = {one: shown(current[one], fields[one]) for one in variables}
            became = {
                one: shown(
                    self._default(one) if wanted[one] is msgspec.UNSET else wanted[one], fields[one]
                )
                for one in variables
            }
            await record_change("setting.changed", "settings", "", was, became)

    def _default(self, variable: str) -> Any:
        section, field = self._owners[variable]
        return getattr(section.configured, field.name)
