"""What an operator can set."""

from typing import Annotated

from portico.api import Section, setting


class ModelsSettings(Section):
    """How much is kept of what models were."""

    versions_kept: Annotated[
        int,
        setting("Changes of each model that are kept to be looked at and undone; 0 = none", ge=0),
    ] = 100
    versions_days: Annotated[
        int,
        setting("Days for which they are kept; 0 = for ever", ge=0, le=36500),
    ] = 365
