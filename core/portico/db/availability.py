"""Whether the database can be used now, and if not, why: one line in the log when that begins and one when it ends."""

import time
from collections.abc import Callable

import structlog

from portico.db.errors import Cause

#: Seconds without another refusal after which a full disk is believed to have room: small writes may fit before.
FULL_SECONDS = 2.0
log = structlog.get_logger("portico.db")


class Availability:
    """What statements were refused for, until a probe that writes succeeds.

    `told`: whether it is logged; a command says it by itself. `on_begin`: called when it begins. `has_room`: whether
    a disk that was full has room again, as far as that can be seen.
    """

    def __init__(self) -> None:
        self.cause: Cause | None = None
        self.is_logged = False
        self.on_begin: Callable[[], None] = lambda: None
        self.has_free_space: Callable[[], bool] = lambda: True
        self._began = self._last = 0.0

    def begin(self, cause: Cause) -> None:
        """A statement was refused. Logged once for each kind of cause."""
        self._last = time.monotonic()
        before, self.cause = self.cause, cause
        if before is not None and before.kind == cause.kind:
            return
        if before is None:
            self._began = self._last
        if self.is_logged:
            log.error("the database cannot be used", why=cause.sentence, detail=cause.detail)
        self.on_begin()

    def end(self) -> None:
        """A probe has succeeded. A broken file stays broken, whatever can still be written to it."""
        cause = self.cause
        if cause is None or cause.kind == "broken":
            return
        recent = time.monotonic() - self._last < FULL_SECONDS
        if cause.kind == "full" and (recent or not self.has_free_space()):
            return
        self.cause = None
        if self.is_logged:
            seconds = round(time.monotonic() - self._began, 1)
            log.info("the database can be used again", was=cause.sentence, seconds=seconds)
