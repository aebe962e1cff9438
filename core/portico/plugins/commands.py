"""The commands of one plugin. Imported only where commands are run or listed, since it needs click."""

from functools import partial

import click
import pluggy

from portico.plugins.contributions import Contribution, hook_of
from portico.plugins.isolation import PluginIsolation


def commands_of(
    manager: pluggy.PluginManager, contribution: Contribution, isolation: PluginIsolation
) -> dict[str, click.Command]:
    """Return the commands that a plugin registers, by name. Raises: PluginError."""
    plugin = contribution.plugin_name
    call = hook_of(manager, plugin, "register_commands")
    if call is None:
        return {}
    given = click.Group()
    arguments = {
        "cli": given,
        "settings": contribution.settings,
        "plugin": contribution.components,
    }
    isolation.call(plugin, "register_commands", partial(call, **arguments), origin=call)
    for name, command in given.commands.items():
        if not isinstance(name, str) or not isinstance(command, click.Command):
            wrong = TypeError(f"added {type(command).__name__} as {name!r}, expected a command")
            raise isolation.error(plugin, "register_commands", wrong, origin=call)
    return dict(given.commands)
