"""Whether the database can be used now, and if not, why. Logged once when an outage starts and once when it ends."""

import time
from collections.abc import Callable

import structlog

from portico.db.errors import Cause

#: Seconds without another failure after which a full disk counts as free again, since small writes may succeed before.
FULL_SECONDS = 2.0
log = structlog.get_logger("portico.db")


class Availability:
    """The cause for which statements fail, until a write succeeds. None = the database can be used.

    `is_logged`: whether outages are logged; commands print the error themselves. `on_begin`: called when an outage starts.
    `has_free_space`: whether a disk that was full has free space again.
    """

    def __init__(self) -> None:
        self.cause: Cause | None = None
        self.is_logged = False
        self.on_begin: Callable[[], None] = lambda: None
        self.has_free_space: Callable[[], bool] = lambda: True
        self._began = self._last = 0.0

    def begin(self, cause: Cause) -> None:
        """Record that a statement failed. Logged once for each kind of cause."""
        self._last = time.monotonic()
        before, self.cause = self.cause, cause
        if before is not None and before.kind == cause.kind:
            return
        if before is None:
            self._began = self._last
        if self.is_logged:
            log.error("database unavailable", reason=cause.sentence, detail=cause.detail)
        self.on_begin()

    def end(self) -> None:
        """Record that a write has succeeded. A broken file stays broken, even if it can be written to."""
        cause = self.cause
        if cause is None or cause.kind == "broken":
            return
        recent = time.monotonic() - self._last < FULL_SECONDS
        if cause.kind == "full" and (recent or not self.has_free_space()):
            return
        self.cause = None
        if self.is_logged:
            seconds = round(time.monotonic() - self._began, 1)
            log.info("database available again", reason=cause.sentence, seconds=seconds)
