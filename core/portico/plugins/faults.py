"""Faults in what a plugin declares: a sentence that says what to write instead, and where the plugin has it."""

from typing import Any

from portico.plugins.isolation import PluginError
from portico.plugins.registry import FaultKind


class DeclarationFault(Exception):
    """Something that a plugin declares cannot be used. The text says why, and what to write instead.

    `culprit`: the function or object of the plugin in which it is wrong; None = the hook that returned it.
    """

    def __init__(self, reason: str, culprit: Any = None) -> None:
        super().__init__(reason)
        self.culprit = culprit


class InvalidDeclaration(PluginError):
    """A plugin cannot be used because of what it declares. `doing`: the hook, or what was read."""

    def __init__(
        self,
        plugin: str,
        doing: str,
        reason: str,
        *,
        kind: FaultKind = FaultKind.HOOK,
        at: str = "",
    ) -> None:
        super().__init__(plugin, doing, ValueError(reason), kind=kind, at=at)
        self.reason, self.trace = f"{doing}: {reason}", ""
