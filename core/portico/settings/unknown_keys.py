"""Finds unknown sections and variables, such as misspelt ones, and suggests the likely name."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
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


def unknown_sections(
    tables: Mapping[str, Mapping[str, Any]],
    origin: Origin,
    known: Collection[str],
    loaded: Collection[str],
    configured: Mapping[str, Collection[Field]],
    *,
    former: Mapping[str, str],
) -> Iterator[Problem]:
    """Yield one problem for each `[plugins.x]` that no plugin reads.

    `known`: installed plugins; the section of one that is not loaded is ignored.
    `configured`: loaded plugins that have settings, with these. `former`: former names of plugins, with the present
    names.
    """
    renamed = {
        old: one.key for part in configured.values() for one in part for old in one.former_keys
    }
    for name, table in tables.items():
        if name in former and name not in known:
            keys = [key for key in table if f"plugins.{name}.{key}" in renamed]
            for key in keys:
                old = f"plugins.{name}.{key}"
                yield Problem(old, f"this setting is now called {renamed[old]}", origin)
            if len(keys) < len(table) or not keys:
                new = former[name]
                reason = f"this plugin is now called {new}; use [plugins.{new}]"
                yield Problem(f"plugins.{name}", reason, origin)
        elif name not in known:
            hint = did_you_mean(name, {word: f"plugins.{word}" for word in known})
            yield Problem(f"plugins.{name}", f"there is no such plugin{hint}", origin)
        elif table and name in loaded and name not in configured:
            yield Problem(f"plugins.{name}", "this plugin has no settings", origin)


def unknown_variables(
    environ: Mapping[str, str],
    fields: Collection[Field],
    unloaded: Iterable[str],
    former: Mapping[str, str],
) -> Iterator[Problem]:
    """Yield one problem for each `PORTICO_*` variable that belongs to no setting.

    `unloaded`: plugins that are installed but not loaded; the names of their variables are not known.
    """
    known = OTHER_VARIABLES.union(*(field.variables for field in fields))
    # Compared without the prefix, which would make all names similar. A setting with its own variable
    # is also found by its derived name.
    words = {name.removeprefix(PREFIX): name for name in known if name.startswith(PREFIX)}
    words |= {field.derived.removeprefix(PREFIX): field.variables[0] for field in fields}
    renamed = {old: field for field in fields for old in field.former_variables}
    ignored = tuple(variable_prefix(name) for name in unloaded)
    for name, text in environ.items():
        if not name.startswith(PREFIX) or name in known or name.startswith(ignored):
            continue
        if name in renamed:
            new = renamed[name].variables[0]
            yield Problem(name, f"this variable is now called {new}", Origin("environment"))
            continue
        if plugins := [one for one in former if name.startswith(variable_prefix(one))]:
            new = variable_prefix(former[plugins[0]])
            reason = f"variables of this plugin now begin with {new}"
            yield Problem(name, reason, Origin("environment"))
            continue
        if _SERVICE_LINK.fullmatch(name) or _SERVICE_URL.match(text):
            continue
        hint = did_you_mean(name.removeprefix(PREFIX), words)
        yield Problem(name, f"there is no such setting{hint}", Origin("environment"))
