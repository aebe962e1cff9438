"""Settings of background tasks."""

from typing import Annotated, Literal

from portico.settings.section import Section, setting


class TaskSettings(Section):
    """Background tasks: who runs them, how many at once, and how long their rows are kept."""

    runner: Annotated[
        Literal["auto", "server", "worker"],
        setting(
            "Which processes run tasks: auto = workers while one is alive, else the servers; server = the servers; "
            "worker = workers only"
        ),
    ] = "auto"
    concurrency: Annotated[
        int, setting("Tasks that one server process runs at the same time", ge=1, le=1000)
    ] = 10
    max_per_account: Annotated[
        int, setting("Tasks of one account that may wait or run at the same time", ge=1)
    ] = 200
    max_running_per_account: Annotated[
        int, setting("Tasks of one account that run at the same time, in all processes", ge=1)
    ] = 4
    keep_days: Annotated[
        int,
        setting(
            "Days after which completed and cancelled tasks are deleted; 0 = never", ge=0, le=36500
        ),
    ] = 7
    keep_failed_days: Annotated[
        int, setting("Days after which failed tasks are deleted; 0 = never", ge=0, le=36500)
    ] = 30
