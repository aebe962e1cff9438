"""Decides whether a source is asked, by how its last calls ended. Without I/O."""

import math
import time
from collections.abc import Callable
from typing import Literal, NamedTuple

from portico.errors import RateLimited, SourceFailed, SourceTimedOut
from portico.settings.gateway import GatewaySettings

#: `closed`: the source is asked. `open`: it is not, for models that failed. `half_open`: one request finds out.
BreakerState = Literal["closed", "open", "half_open"]


class _Pause(NamedTuple):
    """Until when the source asked to be left alone. `is_binding`: it said so; else the time is our own estimate."""

    until: float
    error: SourceFailed | RateLimited
    is_binding: bool


class CircuitBreaker:
    """The circuit breaker of one source.

    It opens after some failures in a row, for the models that failed: a source may fail for one model only. When its time
    is over it lets one request through, the probe. It closes with the first answer, and opens again if the probe fails.
    A probe that takes longer than that time does not keep the next one back. A source that names a time (Retry-After)
    is not asked for that model before then, whatever the state. `clock`: monotonic seconds.
    """

    def __init__(
        self, settings: GatewaySettings, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings, self._clock = settings, clock
        #: The last error of each model that failed since the source last answered.
        self._failed: dict[str, SourceFailed] = {}
        self._failures = 0
        self._opened_until: float | None = None
        self._probe, self._probe_until = 0, 0.0
        self._pauses: dict[str, _Pause] = {}

    @property
    def state(self) -> BreakerState:
        """The state at this moment."""
        if self._opened_until is None:
            return "closed"
        return "open" if self._clock() < self._opened_until else "half_open"

    @property
    def failures(self) -> int:
        """Failures since the source last answered."""
        return self._failures

    @property
    def remaining_seconds(self) -> float:
        """Seconds until the next probe; 0 unless it is open."""
        until = self._opened_until
        return 0.0 if until is None else max(until - self._clock(), 0.0)

    def paused_models(self) -> dict[str, float]:
        """Return the models for which the source asked to wait, with the seconds that remain."""
        now = self._clock()
        return {
            model: pause.until - now for model, pause in self._pauses.items() if now < pause.until
        }

    def refusal(self, model: str) -> SourceFailed | RateLimited | None:
        """Return the error of a call that the source is not asked now; None if it may be asked.

        It is the last error of the source, with the seconds that remain.
        """
        if not self._failed and not self._pauses:
            return None
        pause = self._pause(model)
        if pause is not None and pause.is_binding:
            return _repeated(pause.error, pause.until - self._clock())
        if self._opened_until is None or model not in self._failed:
            return None
        remaining = max(self._opened_until, self._probe_until) - self._clock()
        return _repeated(self._failed[model], remaining) if remaining > 0 else None

    def is_second_choice(self, model: str) -> bool:
        """Return whether another source should be preferred: this one was over its limit just now."""
        return bool(self._pauses) and self._pause(model) is not None

    def begin(self, model: str) -> int:
        """Note that a call begins, which was not refused. Return the number of the probe; 0 if it is none."""
        if self._opened_until is None or model not in self._failed:
            return 0
        self._probe += 1
        self._probe_until = self._clock() + self._settings.breaker_seconds
        return self._probe

    def answered(self) -> None:
        """Close: the source answered a call."""
        if self._failed:
            self._failed.clear()
            self._failures, self._opened_until, self._probe_until = 0, None, 0.0

    def limited(self, model: str, error: RateLimited) -> None:
        """Close, since the source answered, and leave it alone for this model as long as it asked for."""
        self.answered()
        self._add_pause(model, error, error.retry_after, is_binding=not error.is_estimate)

    def failed(self, model: str, error: SourceFailed, *, is_probe: bool = False) -> bool:
        """Count a failure. Return whether it opened the breaker, which was closed.

        Of those that end while it is open, only the probe matters: the others began before.
        """
        self._failed[model] = error
        if error.retry_after is not None:
            self._add_pause(model, error, error.retry_after, is_binding=True)
        was_closed = self._opened_until is None
        if was_closed:
            self._failures += 1
            opens = 0 < self._settings.breaker_failures <= self._failures
        else:
            opens = is_probe
        if opens:
            self._opened_until = self._clock() + self._settings.breaker_seconds
            self._probe_until = 0.0
        return opens and was_closed

    def released(self, probe: int) -> None:
        """Note that a call ended without telling anything of the source, such as a cancelled one."""
        if probe and probe == self._probe:
            self._probe_until = 0.0

    def allow_probe(self) -> None:
        """Let the next request through, and forget what the source asked for: it was seen to work."""
        self._pauses.clear()
        self._probe_until = 0.0
        if self._opened_until is not None:
            self._opened_until = min(self._opened_until, self._clock())

    def _pause(self, model: str) -> _Pause | None:
        """Return the pause of a model, unless it is over."""
        pause = self._pauses.get(model)
        if pause is not None and self._clock() >= pause.until:
            del self._pauses[model]
            return None
        return pause

    def _add_pause(
        self, model: str, error: SourceFailed | RateLimited, seconds: float, *, is_binding: bool
    ) -> None:
        until = self._clock() + min(seconds, self._settings.max_retry_after)
        known = self._pause(model)
        if known is None or (is_binding, until) > (known.is_binding, known.until):
            self._pauses[model] = _Pause(until, error, is_binding)


def _repeated(error: SourceFailed | RateLimited, remaining: float) -> SourceFailed | RateLimited:
    """Return the same error once more, for another call."""
    seconds = max(math.ceil(remaining), 1)
    if isinstance(error, RateLimited):
        return RateLimited(seconds, error.detail, code=error.code)
    kind = SourceTimedOut if isinstance(error, SourceTimedOut) else SourceFailed
    return kind(error.detail, code=error.code, retry_after=seconds)
