"""Which command of which plugin the command line has: the core's first, then those of plugins in their order."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import click

from portico.plugins.commands import commands_of
from portico.plugins.conflicts.claims import COMMAND, CORE, PluginClaim
from portico.plugins.contributions import Contribution
from portico.plugins.isolation import PluginError

if TYPE_CHECKING:
    from portico.boot import Application


@dataclass(slots=True)
class PluginCommands:
    """The commands of all active plugins. `refused`: one sentence for each that is missing, by plugin."""

    by_name: dict[str, tuple[Contribution, click.Command]] = field(default_factory=dict)
    refused: dict[str, list[str]] = field(default_factory=dict)

    def refuse(self, plugin: str, sentence: str) -> None:
        """Record that a command of a plugin is missing."""
        self.refused.setdefault(plugin, []).append(sentence)

    def names_of(self, plugin: str) -> list[str]:
        """Return the names of the commands that a plugin has, sorted."""
        return sorted(n for n, (owner, _) in self.by_name.items() if owner.plugin_name == plugin)


def plugin_commands(application: "Application", core: Collection[str]) -> PluginCommands:
    """Return the commands of the active plugins. `core`: names of the core's commands, which no plugin can have."""
    found = PluginCommands()
    registered: dict[str, dict[str, click.Command]] = {}
    for contribution in application.contributions:
        plugin = contribution.plugin_name
        try:
            registered[plugin] = commands_of(
                application.manager, contribution, application.isolation
            )
        except PluginError as error:
            found.refuse(plugin, f"The commands of plugin {plugin} are missing: {error.reason}")
    for contribution in application.contributions:
        plugin = contribution.plugin_name
        for name, command in registered.get(plugin, {}).items():
            chosen = application.replacements.chosen(COMMAND, name)
            if name in core:
                found.refuse(plugin, _sentence(name, plugin, CORE))
            elif chosen != plugin and name in registered.get(chosen, {}):
                found.refuse(
                    plugin,
                    f"The command {name!r} of plugin {plugin} gives way to that of {chosen}, as plugins.replace says.",
                )
            elif name in found.by_name:
                holder = found.by_name[name][0].plugin_name
                found.refuse(plugin, _sentence(name, plugin, holder))
            else:
                found.by_name[name] = contribution, command
    return found


def describe_commands(application: "Application", core: Collection[str]) -> None:
    """Say in the registry which commands each plugin has, and which of them are missing and why."""
    found = plugin_commands(application, core)
    for contribution in application.contributions:
        plugin = contribution.plugin_name
        lists = {
            "commands": found.names_of(plugin),
            "missing commands": found.refused.get(plugin, []),
        }
        application.registry[plugin].provides |= {
            title: all_ for title, all_ in lists.items() if all_
        }


def _sentence(name: str, plugin: str, holder: str) -> str:
    what = f"The command {name!r} of plugin {plugin} is missing: it belongs to {holder!r} already; "
    if holder == CORE:
        return f"{what}nothing can replace what the core has, so choose another name."
    key = PluginClaim(COMMAND, name).key
    return f'{what}choose another name, or set [plugins] replace = {{"{key}" = "{plugin}"}} to replace it.'
