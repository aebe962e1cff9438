"""Settings of worker processes."""

from typing import Annotated

from portico.settings.section import Section, setting


class WorkerSettings(Section):
    """`portico worker`, a process that runs background tasks and answers no requests. It needs PostgreSQL and Redis."""

    concurrency: Annotated[
        int, setting("Tasks that a worker runs at the same time", ge=1, le=1000)
    ] = 10
    shutdown_timeout: Annotated[
        float,
        setting(
            "Seconds that running tasks have to finish at shutdown; the others are run by another process",
            ge=0,
            le=3600,
        ),
    ] = 15.0
