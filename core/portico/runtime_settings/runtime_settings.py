"""Settings that administrators change while the house runs: as the operator set them, else as stored, else the default."""

from collections.abc import Collection, Mapping
from typing import Any, Generic, TypeVar

from portico.audit import record_change
from portico.db import transaction
from portico.errors import InvalidRequest
from portico.runtime_settings.store import SettingsStore
from portico.settings.conversion import InvalidValue, convert
from portico.settings.fields import Field, fields_of
from portico.settings.section import Section

S = TypeVar("S", bound=Section)

#: Why a value is refused. What a client sends back as it is in force is accepted.
PINNED = "the operator has set this in a file or the environment, and it can only be changed there"
#: Names of the stored values begin with this: `settings.ui.enable_signup`.
PREFIX = "settings."


class RuntimeSection(Generic[S]):
    """One section, as it is in force now."""

    def __init__(self, settings: S, pinned: Collection[str], configuration: SettingsStore) -> None:
        self.configured = settings
        self.fields = {one.name: one for one in fields_of(type(settings)) if one.adjustable}
        self.pinned = frozenset(pinned)
        self._configuration = configuration
        self._stored: Mapping[str, Any] = {}
        self._now = settings

    @property
    def cached(self) -> S:
        """As it was when `now` was last asked."""
        return self._now

    async def current(self) -> S:
        """The section with what is stored laid over it. One statement a moment for all sections together."""
        stored = await self._configuration.get(PREFIX)
        if stored is not self._stored:
            if stored != self._stored:
                self._now = self._laid_over(stored)
            self._stored = stored
        return self._now

    def _laid_over(self, stored: Mapping[str, Any]) -> S:
        """What is stored and does not fit, as another version may have left it, counts for nothing."""
        values = {
            name: getattr(self.configured, name) for name in self.configured.__struct_fields__
        }
        for name, field in self.fields.items():
            if name in self.pinned or (key := PREFIX + field.adjustable) not in stored:
                continue
            try:
                values[name] = convert(stored[key], field)
            except InvalidValue:
                continue
        return type(self.configured)(**values)


class RuntimeSettings:
    """All adjustable settings of one application, by the names of their variables, such as `ENABLE_SIGNUP`."""

    def __init__(self, configuration: SettingsStore) -> None:
        self._configuration = configuration
        self._sections: dict[type[Section], RuntimeSection[Any]] = {}
        self._owners: dict[str, tuple[RuntimeSection[Any], Field]] = {}

    def add(self, settings: S, pinned: Collection[str] = ()) -> RuntimeSection[S]:
        """A section takes part from now on. `pinned`: the fields that the operator set."""
        adjusted = RuntimeSection(settings, pinned, self._configuration)
        self._sections[type(settings)] = adjusted
        for field in adjusted.fields.values():
            self._owners[field.variables[0]] = adjusted, field
        return adjusted

    def of(self, settings: S) -> RuntimeSection[S]:
        """The section that this one is of; keep it, and ask it for `now` each time."""
        return self._sections.get(type(settings)) or self.add(settings)

    async def values(self) -> dict[str, Any]:
        """Everything that is in force."""
        return {
            variable: getattr(await section.current(), field.name)
            for variable, (section, field) in self._owners.items()
        }

    def pinned(self) -> list[str]:
        """What the operator set, so that nothing stored changes it. Shape: sorted."""
        return sorted(
            name for name, (section, field) in self._owners.items() if field.name in section.pinned
        )

    async def change(self, given: Mapping[str, Any], by: str) -> None:
        """Store other values on behalf of an account, all or none.

        Raises: Invalid, naming the setting, for a value that it cannot have, or another value of what the operator set,
        and for what no plugin has a setting for.
        """
        in_force = await self.values()
        wanted: dict[str, Any] = {}
        for variable, value in given.items():
            if variable not in self._owners:
                raise InvalidRequest(f"[ERROR: {variable}: no active plugin has this setting]")
            if value == in_force[variable]:
                continue
            section, field = self._owners[variable]
            if field.name in section.pinned:
                raise InvalidRequest(f"[ERROR: {variable}: {PINNED}]")
            try:
                convert(value, field)
            except InvalidValue as error:
                raise InvalidRequest(
                    f"[ERROR: {variable}: {error or 'it cannot have this value'}]"
                ) from None
            wanted[variable] = value
        if not wanted:
            return
        names = {self._owners[one][1].adjustable: one for one in wanted}
        async with transaction():
            stored = {PREFIX + name: wanted[one] for name, one in names.items()}
            changed = await self._configuration.set(stored, by)
            told = sorted(names[key.removeprefix(PREFIX)] for key in changed)
            if told:
                was = {one: in_force[one] for one in told}
                became = {one: wanted[one] for one in told}
                await record_change("settings.changed", "setting", "", was, became)
