"""Settings of the plugin."""

from typing import Annotated

from portico.api import Section, setting


class ModelsSettings(Section):
    """How many versions of models are stored, and for how long."""

    versions_kept: Annotated[
        int,
        setting("Stored versions of each model, which can be shown and restored; 0 = none", ge=0),
    ] = 100
    versions_days: Annotated[
        int,
        setting("Days for which versions are stored; 0 = no limit", ge=0, le=36500),
    ] = 365
