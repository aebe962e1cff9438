"""Plugins that end the interpreter: in a task of the event loop, that would end the process."""

from typing import Final

#: What a plugin may raise instead of doing its work.
PLUGIN_ERRORS: Final = (Exception, SystemExit)


class PluginExit(RuntimeError):
    """A plugin has raised SystemExit."""
