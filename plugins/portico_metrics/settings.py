"""The settings `[plugins.metrics]`."""

from typing import Annotated

from portico.api import Section, setting


class MetricsSettings(Section):
    """Who may read the figures without signing in."""

    allow: Annotated[
        list[str],
        setting(
            "Addresses or networks of the monitoring, such as 10.0.0.0/8; no others are answered"
        ),
    ] = []
