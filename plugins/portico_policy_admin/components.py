"""The objects of this plugin, built once per application."""

from dataclasses import dataclass

from portico.api import AppContext


@dataclass(frozen=True, slots=True)
class PolicyAdminPlugin:
    """What the routes need: the core services. Policies have no state outside the core."""

    app: AppContext
