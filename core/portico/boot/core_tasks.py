"""The background tasks of the core itself. Their names begin with `portico:`."""

from collections.abc import Callable, Sequence
from typing import Final

from portico.audit import AuditRetention
from portico.db import Retention
from portico.encryption import Encryptor
from portico.rate_limits.known_locations import RETENTION_DAYS
from portico.retention import delete_old_rows
from portico.settings.schema import CoreSettings
from portico.tasks import NoArguments, TaskRun, TaskType, task_retentions

#: Seconds between two deletions of old rows.
RETENTION_SECONDS: Final = 3600.0
#: More than one round takes by its own limit.
_RETENTION_LIMIT: Final = 900.0


def core_retentions(settings: CoreSettings, encryptor: Encryptor) -> list[Retention]:
    """Return after how long rows of the core's tables are deleted: audit, sessions, known locations, tasks."""
    return [
        AuditRetention(settings.retention.audit_days, encryptor),
        Retention("portico_configuration_change", "at", settings.retention.settings_days),
        Retention("portico_session", "expires_at", days=None),
        Retention("portico_known_location", "seen_at", RETENTION_DAYS),
        *task_retentions(settings.tasks.keep_days, settings.tasks.keep_failed_days),
    ]


def core_task_types(retentions: Callable[[], Sequence[Retention]]) -> list[TaskType]:
    """Return the types of the core's tasks. `retentions`: of the core and of all active plugins."""

    async def delete_rows(_run: TaskRun, _none: NoArguments) -> dict[str, int]:
        return await delete_old_rows(retentions())

    return [
        TaskType(
            "portico:retention",
            NoArguments,
            delete_rows,
            time_limit=_RETENTION_LIMIT,
            every=RETENTION_SECONDS,
        )
    ]
