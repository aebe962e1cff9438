"""The objects of this plugin, built once per application."""

from portico.api import AppContext
from portico_metrics.access import MetricsAccess
from portico_metrics.processes import ProcessFigures
from portico_metrics.settings import MetricsSettings


class MetricsPlugin:
    """Who may read the figures, and the figures. Raises: as `MetricsAccess`."""

    def __init__(self, app: AppContext, settings: MetricsSettings) -> None:
        self.access = MetricsAccess(app, settings)
        self.figures = ProcessFigures(app)
