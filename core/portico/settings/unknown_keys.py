"""Finds unknown sections and variables, such as misspelt ones, and suggests the likely name."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from portico.settings.fields import PREFIX, Field, variable_prefix
from portico.settings.file import CONFIG_VARIABLE
from portico.settings.problems import Origin, Problem, did_you_mean

# Variables with our prefix that are not settings.
OTHER_VARIABLES = frozenset({CONFIG_VARIABLE})

# Kubernetes sets such variables in every container if a service is called "portico" or "portico-db".
_SERVICE_LINK = re.compile(
    r"PORTICO_(.+_)?(SERVICE_HOST|SERVICE_PORT(_.+)?|PORT_\d+_(TCP|UDP|SCTP)(_.+)?)"
)
_SERVICE_URL = re.compile(r"(tcp|udp|sctp)://")


@dataclass(frozen=True, slots=True)
class UnknownKeys:
    """Settings that nothing reads.

    `problems`: of no loaded plugin, or of the former name of one. `of_plugins`: by the loaded plugin for which they are meant. `ignored`: sections of
    plugins that are not installed.
    """

    problems: list[Problem] = field(default_factory=list)
    of_plugins: dict[str, list[Problem]] = field(default_factory=dict)
    ignored: list[Problem] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.problems or self.of_plugins or self.ignored)

    def add(self, plugin: str, problem: Problem) -> None:
        """Add a problem of one plugin; empty = of none."""
        if plugin:
            self.of_plugins.setdefault(plugin, []).append(problem)
        else:
            self.problems.append(problem)


def find_unknown_sections(
    tables: Mapping[str, Mapping[str, Any]],
    origin: Origin,
    known: Collection[str],
    loaded: Collection[str],
    configured: Mapping[str, Collection[Field]],
    *,
    former: Mapping[str, str],
    found: UnknownKeys,
) -> None:
    """Add a problem to `found` for each `[plugins.x]` that no plugin reads.

    `known`: installed plugins; the section of one that is not loaded is ignored.
    `configured`: loaded plugins that have settings, with these. `former`: former names of plugins, with the present
    names.
    """
    renamed = {
        old: one.key for part in configured.values() for one in part for old in one.former_keys
    }
    for name, table in tables.items():
        if name in former and name not in known:
            new = former[name]
            keys = [key for key in table if f"plugins.{name}.{key}" in renamed]
            for key in keys:
                old = f"plugins.{name}.{key}"
                reason = f"this setting is now called {renamed[old]}"
                found.problems.append(Problem(old, reason, origin))
            if len(keys) < len(table) or not keys:
                reason = f"this plugin is now called {new}; use [plugins.{new}]"
                found.problems.append(Problem(f"plugins.{name}", reason, origin))
        elif name not in known:
            hint = did_you_mean(name, {word: f"plugins.{word}" for word in known})
            reason = f"no plugin of this name is installed{hint}"
            found.ignored.append(Problem(f"plugins.{name}", reason, origin))
        elif table and name in loaded and name not in configured:
            reason = "this plugin has no settings; remove the section"
            found.add(name, Problem(f"plugins.{name}", reason, origin))


def find_unknown_variables(
    environ: Mapping[str, str],
    fields: Collection[Field],
    loaded: Iterable[str],
    unloaded: Iterable[str],
    *,
    former: Mapping[str, str],
    found: UnknownKeys,
) -> None:
    """Add a problem to `found` for each `PORTICO_*` variable that belongs to no setting.

    `unloaded`: plugins that are installed but not loaded; the names of their variables are not known.
    """
    known = OTHER_VARIABLES.union(*(field.variables for field in fields))
    # Compared without the prefix, which would make all names similar. A setting with its own variable
    # is also found by its derived name.
    words = {name.removeprefix(PREFIX): name for name in known if name.startswith(PREFIX)}
    words |= {field.derived.removeprefix(PREFIX): field.variables[0] for field in fields}
    renamed = {old: field for field in fields for old in field.former_variables}
    unloaded = set(unloaded)
    owners = {variable_prefix(name): name for name in (*unloaded, *loaded)}
    for name, text in environ.items():
        if not name.startswith(PREFIX) or name in known:
            continue
        # Of the plugins a_b and a, PORTICO_A_B_X is one of a_b.
        plugin = owners.get(max(filter(name.startswith, owners), key=len, default=""), "")
        if plugin in unloaded:
            continue
        owner = ""
        renamed_plugin = next((one for one in former if name.startswith(variable_prefix(one))), "")
        if name in renamed:
            owner = "" if renamed_plugin else _plugin_of(renamed[name])
            reason = f"this variable is now called {renamed[name].variables[0]}"
        elif renamed_plugin:
            prefix = variable_prefix(former[renamed_plugin])
            reason = f"variables of this plugin now begin with {prefix}"
        elif _SERVICE_LINK.fullmatch(name) or _SERVICE_URL.match(text):
            continue
        else:
            owner = plugin
            hint = did_you_mean(name.removeprefix(PREFIX), words)
            reason = f"there is no such setting{hint}"
        found.add(owner, Problem(name, reason, Origin("environment")))


def _plugin_of(field: Field) -> str:
    """Return the plugin of a setting; empty = the core."""
    section, _, rest = field.key.partition(".")
    return rest.partition(".")[0] if section == "plugins" else ""
