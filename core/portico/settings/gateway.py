"""Settings of the gateway: which source of a model answers a call."""

from typing import Annotated

from portico.settings.section import Section, setting


class GatewaySettings(Section):
    """Calls of models that several sources offer, and sources that fail."""

    max_attempts: Annotated[
        int,
        setting(
            "Sources that one call is sent to, one after the other, until one begins to answer",
            ge=1,
            le=100,
        ),
    ] = 3
    failover_timeout: Annotated[
        float,
        setting("Seconds after which a call is not sent to a further source any more", gt=0),
    ] = 600.0
    breaker_failures: Annotated[
        int,
        setting(
            "Failures of a source in a row after which it is not asked for a while; 0 = it is always asked",
            ge=0,
        ),
    ] = 5
    breaker_seconds: Annotated[
        float,
        setting(
            "Seconds after which a source that failed is sent one request, and all again when it answers",
            gt=0,
        ),
    ] = 10.0
    max_retry_after: Annotated[
        float,
        setting(
            "Longest time in seconds for which a source is not asked because it says so itself (Retry-After)",
            ge=0,
        ),
    ] = 300.0
