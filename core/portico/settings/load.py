"""Loads all settings: default < portico.toml < environment variable. No other module reads the environment.

The calls, in the order of a start:

    loaded = load_settings()
    loaded.settings.server.port
    loaded.plugin("echo", EchoSettings).times
    loaded.unknown_keys(known_plugins={"echo", "ldap"}, loaded_plugins={"echo"})
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import msgspec

from portico.settings.fields import PREFIX, Field, core_fields, core_sections, plugin_fields
from portico.settings.file import find_file, read_file
from portico.settings.layers import LoadedSection, SettingsLayers
from portico.settings.masking import masked, shown
from portico.settings.problems import DEFAULT, BadSettings, Origin, Problem
from portico.settings.schema import CoreSettings, PluginSelection
from portico.settings.unknown_keys import (
    UnknownKeys,
    find_unknown_sections,
    find_unknown_variables,
)

S = TypeVar("S", bound=msgspec.Struct)


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """All settings: the core's, checked, and the plugins', which `plugin` reads with their schemas.

    `file`: the settings file, None without one. `plugin_tables`: raw `[plugins.<name>]` tables.
    """

    # Raw tables and the environment contain secrets, so they are left out of `repr`.
    settings: CoreSettings = field(repr=False)
    file: Path | None
    plugin_tables: Mapping[str, Mapping[str, Any]] = field(repr=False)
    _core_fields: Mapping[str, list[Field]] = field(repr=False)
    _layers: SettingsLayers = field(repr=False)
    _origins: dict[str, Origin] = field(repr=False)
    _plugin_fields: dict[str, list[Field]] = field(repr=False, default_factory=dict)
    _part_problems: dict[str, Mapping[str, list[Problem]]] = field(repr=False, default_factory=dict)

    def __reduce__(self) -> Any:
        """Pickle without the schema, which a worker that does not inherit memory (as on macOS) reads again."""
        state = self.settings, self.file, self.plugin_tables, self._layers, self._origins
        return _restored, state

    @property
    def origins(self) -> Mapping[str, Origin]:
        """Origin of each setting by dotted key. Those of a plugin are added when `plugin` has read them."""
        return MappingProxyType(self._origins)

    def explicitly_set(self, section: str) -> frozenset[str]:
        """Return the settings of a section that are set in the file, the environment or on the command line."""
        prefix, unset = f"{section}.", DEFAULT.kind
        return frozenset(
            key.removeprefix(prefix)
            for key, origin in self._origins.items()
            if origin.kind != unset and key.startswith(prefix)
        )

    def plugin(self, name: str, schema: type[S], formerly: Sequence[str] = ()) -> S:
        """Return a plugin's own settings: default < `[plugins.<name>]` < its variables.

        A problem that concerns one part of the plugin only is in `part_problems`, and the setting has its default.
        Raises: BadSettings with every other problem of this plugin's settings.
        """
        fields = plugin_fields(name, schema, formerly)
        table = self.plugin_tables.get(name, {})
        self._plugin_fields[name] = fields
        filled = self._layers.fill(fields, table)
        filled.problems.extend(
            _unknown_keys(self._layers, f"plugins.{name}.", table, fields, fields)
        )
        self._origins.update(filled.origins)
        self._part_problems[name] = _take_part_problems(filled, fields)
        return _build(schema, filled, f"plugins.{name}")

    def part_problems(self, name: str) -> Mapping[str, list[Problem]]:
        """Return the problems that concern single parts of a plugin, by part, once `plugin` has read its settings."""
        return self._part_problems.get(name, {})

    def taken_names(
        self, name: str, schema: type[S], formerly: Sequence[str] = ()
    ) -> Iterator[tuple[str, str]]:
        """Yield the names in a plugin's settings that settings of others have already, each with the key of the other.

        Several plugins may read the same variable, such as `AIOHTTP_CLIENT_TIMEOUT`, but for two: names with `PORTICO_`,
        which are made of the plugin's, and those of runtime settings, which are stored under them.
        """
        fields = plugin_fields(name, schema, formerly)
        variables = {one for item in fields for one in item.variables if one.startswith(PREFIX)}
        has_runtime = any(item.runtime_key for item in fields)
        by_variable: dict[str, str] = {}
        at_run_time: dict[str, str] = {}
        for item in chain(*self._core_fields.values(), *self._fields_of_others(name)):
            if not variables.isdisjoint(item.variables):
                by_variable |= dict.fromkeys(item.variables, item.key)
            if has_runtime and item.runtime_key:
                at_run_time |= dict.fromkeys((item.runtime_key, item.variables[0]), item.key)
        for item in fields:
            for variable in item.variables:
                if variable.startswith(PREFIX) and variable in by_variable:
                    yield variable, by_variable[variable]
            if item.runtime_key:
                for one in (item.runtime_key, item.variables[0]):
                    if one in at_run_time:
                        yield one, at_run_time[one]

    def _fields_of_others(self, name: str) -> Iterator[list[Field]]:
        return (fields for plugin, fields in self._plugin_fields.items() if plugin != name)

    def unknown_keys(
        self,
        known_plugins: Iterable[str],
        loaded_plugins: Iterable[str],
        former_plugins: Callable[[], Mapping[str, str]] = dict,
    ) -> UnknownKeys:
        """Return unknown sections and `PORTICO_*` variables, with suggestions.

        Call it after every loaded plugin's settings were read. Settings of an installed plugin
        that is not loaded are ignored. `former_plugins` returns former names of plugins with the
        present ones; it is called only if something is unknown.
        """
        known, loaded = set(known_plugins), set(loaded_plugins)
        found = self._unknown(known, loaded, {})
        return self._unknown(known, loaded, former_plugins()) if found else found

    def _unknown(self, known: set[str], loaded: set[str], former: Mapping[str, str]) -> UnknownKeys:
        found = UnknownKeys()
        fields = list(chain(*self._core_fields.values(), *self._plugin_fields.values()))
        find_unknown_sections(
            self.plugin_tables,
            self._layers.file,
            known,
            loaded,
            self._plugin_fields,
            former=former,
            found=found,
        )
        find_unknown_variables(
            self._layers.environ, fields, loaded, known - loaded, former=former, found=found
        )
        return found


def _restored(
    settings: CoreSettings,
    file: Path | None,
    plugin_tables: Mapping[str, Mapping[str, Any]],
    layers: SettingsLayers,
    origins: dict[str, Origin],
) -> LoadedSettings:
    return LoadedSettings(settings, file, plugin_tables, core_fields(), layers, origins)


def load_settings(
    environ: Mapping[str, str] | None = None,
    toml_path: Path | None = None,
    overrides: Mapping[str, str] | None = None,
) -> LoadedSettings:
    """Load the core's settings and check them, and keep the plugins' tables for `LoadedSettings.plugin`.

    `environ`: None = this process's environment. `toml_path`: the file given as `--config`; None = the
    file that `PORTICO_CONFIG` names, else ./portico.toml if it exists. `overrides`: options of the
    command line by variable name; they override the environment.
    Raises: BadSettings with every problem that was found.
    """
    environ = dict(os.environ if environ is None else environ)  # noqa: TID251 - this is the one
    problems: list[Problem] = []
    tables: dict[str, Any] = {}
    found = find_file(environ, toml_path)
    if found:
        try:
            tables = read_file(*found)
        except BadSettings as error:
            # The variables are checked nevertheless, so that one start reports all problems.
            problems += error.problems
    path = found[0] if found else None
    file = Origin("file", str(path)) if path else DEFAULT
    layers = SettingsLayers(file, {**environ, **(overrides or {})}, frozenset(overrides or ()))
    plugin_tables = _take_plugin_tables(tables)
    fields = core_fields()
    filled = _fill_core(layers, tables, fields)
    filled.problems[:0] = problems
    settings = _build(CoreSettings, filled, "settings")
    return LoadedSettings(settings, path, plugin_tables, fields, layers, filled.origins)


def _take_plugin_tables(tables: dict[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Remove the `[plugins.<name>]` tables from the core's tables and return them by plugin."""
    plugins = tables.get("plugins")
    if not isinstance(plugins, dict):
        return {}
    names = [
        name
        for name, table in plugins.items()
        if isinstance(table, dict) and name not in PluginSelection.__struct_fields__
    ]
    return {name: plugins.pop(name) for name in names}


def _fill_core(
    layers: SettingsLayers, tables: Mapping[str, Any], fields: Mapping[str, list[Field]]
) -> LoadedSection:
    sections = core_sections()
    everything = list(chain(*fields.values()))
    # Keys that are neither a section nor a setting outside of sections are unknown, such as a misspelt section.
    loose = {name: value for name, value in tables.items() if name not in sections}
    whole = layers.fill(fields[""], loose)
    whole.problems.extend(_unknown_keys(layers, "", loose, fields[""], everything))
    for name, schema in sections.items():
        table = tables.get(name, {})
        if not isinstance(table, dict):
            reason, value = f"expected a table, [{name}]", shown(masked(table))
            whole.problems.append(Problem(name, reason, layers.file, value))
            table = {}
        part = layers.fill(fields[name], table)
        part.problems.extend(_unknown_keys(layers, f"{name}.", table, fields[name], everything))
        whole.values[name] = schema(**part.values)
        whole.origins.update(part.origins)
        whole.problems.extend(part.problems)
    return whole


def _take_part_problems(
    filled: LoadedSection, fields: Iterable[Field]
) -> Mapping[str, list[Problem]]:
    """Remove the problems of settings that belong to a part of the plugin, and return them by part.

    None are removed if others remain: then the whole plugin fails, with all of them as its reason.
    """
    parts = {item.key: item.part for item in fields if item.part}
    if any(problem.key not in parts for problem in filled.problems):
        return {}
    found: dict[str, list[Problem]] = {}
    for problem in filled.problems:
        if problem.key in parts:
            found.setdefault(parts[problem.key], []).append(problem)
    filled.problems.clear()
    return found


def _unknown_keys(
    layers: SettingsLayers,
    path: str,
    table: Mapping[str, Any],
    fields: Iterable[Field],
    everything: Iterable[Field],
) -> list[Problem]:
    known, everything = {item.name for item in fields}, list(everything)
    former = {key for item in everything for key in item.former_keys}
    found = []
    for name, value in table.items():
        if name in known:
            continue
        inner = value if isinstance(value, dict) else {}
        # Of a section that was renamed, each key is named with its new place.
        moved = [key for key in inner if f"{path}{name}.{key}" in former]
        found += [layers.unknown_key(f"{path}{name}.", key, everything) for key in moved]
        if not moved:
            found.append(layers.unknown_key(path, name, everything))
    return found


def _build(schema: type[S], filled: LoadedSection, key: str) -> S:
    if filled.problems:
        raise BadSettings(filled.problems)
    try:
        return schema(**filled.values)
    except (ValueError, TypeError) as error:
        # A schema's `__post_init__` may refuse a combination of values.
        raise BadSettings([Problem(key, str(error))]) from None
