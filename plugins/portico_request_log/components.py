"""The objects of this plugin, built once per application."""

import asyncio
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from portico.api import AppContext, HealthCheck, OperatorError, Unavailable
from portico_request_log.rotating_file import RotatingFile
from portico_request_log.settings import RequestLogSettings

if TYPE_CHECKING:
    from portico.api.web import RequestObserver

_SIZE: Final = re.compile(r"(\d{1,15})\s?([KMGT]?)i?B?\Z", re.I)
_UNITS: Final = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


class RequestLogPlugin:
    """`observers`: empty while both logs are off."""

    def __init__(self, app: AppContext, settings: RequestLogSettings) -> None:
        rotation_bytes = size_in_bytes(settings.rotation_size)
        self.observers: list[RequestObserver] = []
        self.health_checks: list[HealthCheck] = []
        self._file: RotatingFile | None = None
        if settings.access:
            from portico_request_log.access_log import AccessLog

            self.observers.append(AccessLog(app.settings.log.format))
        if settings.level != "NONE":
            from portico_request_log.audit_file import AuditFile

            path = Path(settings.file or Path(app.settings.data_dir) / "audit.log").absolute()
            self._file = RotatingFile(path, rotation_bytes)
            self.observers.append(AuditFile(settings, self._file.write))
            self.health_checks.append(
                HealthCheck("request_log_file", self._check_file, critical=False)
            )

    async def close(self) -> None:
        """Write what waits to be written."""
        if self._file is not None:
            await asyncio.to_thread(self._file.close)

    async def _check_file(self) -> None:
        """Raises: Unavailable while the file cannot be written."""
        if self._file is not None and self._file.is_failing:
            raise Unavailable("The file of requests cannot be written; the log says why.")


def size_in_bytes(text: str) -> int:
    """Return a size such as `10MB` in bytes. Raises: OperatorError."""
    found = _SIZE.match(text.strip())
    if found is None:
        raise OperatorError(
            f"AUDIT_LOG_FILE_ROTATION_SIZE is {text!r}; write a size such as 10MB, or 0"
        )
    return int(found[1]) * _UNITS[found[2].upper()]
