"""Settings of budgets."""

from typing import Annotated

from portico.api import Section, setting


class BudgetsSettings(Section):
    """How calls are counted against budgets."""

    allow_when_unavailable: Annotated[
        bool,
        setting(
            "Calls go through while the database cannot be asked for budgets; else they are refused with 503"
        ),
    ] = False
    default_output_tokens: Annotated[
        int,
        setting(
            "Tokens that are reserved for the answer of a call that sets no maximum", ge=1, le=10**9
        ),
    ] = 1024
    reservation_seconds: Annotated[
        int,
        setting(
            "Seconds after which the reservations of a process that was killed are free again",
            ge=2,
            le=3600,
        ),
    ] = 30
