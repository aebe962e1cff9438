"""What was set but means nothing: misspelt sections and variables, each with the likely word."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from portico.settings.fields import PREFIX, Field, variable_prefix
from portico.settings.file import CONFIG_VARIABLE
from portico.settings.problems import Origin, Problem, did_you_mean

# Variables of our prefix that say where settings are, and so are none themselves.
ABOUT_SETTINGS = frozenset({CONFIG_VARIABLE})

# A Kubernetes service called "portico" or "portico-db" puts such names into every container.
_SERVICE_LINK = re.compile(
    r"PORTICO_(.+_)?(SERVICE_HOST|SERVICE_PORT(_.+)?|PORT_\d+_(TCP|UDP|SCTP)(_.+)?)"
)
_SERVICE_URL = re.compile(r"(tcp|udp|sctp)://")


def unknown_sections(
    tables: Mapping[str, Mapping[str, Any]],
    origin: Origin,
    known: Collection[str],
    loaded: Collection[str],
    configured: Collection[str],
) -> Iterator[Problem]:
    """One problem for each `[plugins.x]` that nobody reads.

    `known`: installed plugins; a section of one that is not loaded waits for its day.
    `configured`: loaded plugins that have settings.
    """
    for name, table in tables.items():
        if name not in known:
            hint = did_you_mean(name, {word: f"plugins.{word}" for word in known})
            yield Problem(f"plugins.{name}", f"there is no such plugin{hint}", origin)
        elif table and name in loaded and name not in configured:
            yield Problem(f"plugins.{name}", "this plugin has no settings", origin)


def unknown_variables(
    environ: Mapping[str, str], fields: Collection[Field], unloaded: Iterable[str]
) -> Iterator[Problem]:
    """One problem for each `PORTICO_*` variable that belongs to no setting.

    `unloaded`: plugins that are installed but not loaded; what theirs may be called is not known.
    """
    known = ABOUT_SETTINGS.union(*(field.variables for field in fields))
    # The prefix would make all names look alike. A setting with a variable of its own is also
    # looked for under the name it would have had.
    words = {name.removeprefix(PREFIX): name for name in known if name.startswith(PREFIX)}
    words |= {field.derived.removeprefix(PREFIX): field.variables[0] for field in fields}
    renamed = {old: field for field in fields for old in field.former_variables}
    excused = tuple(variable_prefix(name) for name in unloaded)
    for name, text in environ.items():
        if not name.startswith(PREFIX) or name in known or name.startswith(excused):
            continue
        if name in renamed:
            new = renamed[name].variables[0]
            yield Problem(name, f"this variable is now called {new}", Origin("environment"))
            continue
        if _SERVICE_LINK.fullmatch(name) or _SERVICE_URL.match(text):
            continue
        hint = did_you_mean(name.removeprefix(PREFIX), words)
        yield Problem(name, f"there is no such setting{hint}", Origin("environment"))
