"""One source as the router sees it: how busy it is, whether it is asked, and how its calls ended."""

import math
import time
from collections import Counter
from typing import Any, Literal

import msgspec
import structlog

from portico.catalogue import (
    OPERATIONS,
    ModelSource,
    Operation,
    SourceRequest,
    SourceResponse,
    close_body,
    operations_of,
    status_error,
)
from portico.catalogue.source_cache import LogFailure
from portico.errors import DomainError, RateLimited, SourceFailed, SourceTimedOut
from portico.gateway.bounded_cancellation import BoundedStream, bounded
from portico.gateway.circuit_breaker import BreakerState, CircuitBreaker
from portico.gateway.counted_stream import CountedStream
from portico.plugin_errors.plugin_exit import PluginExit, PluginFault, is_failure
from portico.settings.gateway import GatewaySettings

log = structlog.get_logger("portico.gateway")

#: How a call of a source ended. `refused`: an answer about the request, such as 400. `broken_off`: after the first byte.
SourceOutcome = Literal[
    "answered", "refused", "failed", "timed_out", "limited", "broken_off", "cancelled"
]


class SourceActivity(msgspec.Struct, frozen=True, kw_only=True):
    """What a source is doing in this process.

    `in_flight`: calls that it is answering now. `calls`: since the process started, by their outcome. `weight`, `order`,
    `operations`: as declared. `breaker`: whether it is asked; `retry_seconds`: until it is sent one request again, None
    unless `breaker` is `open`. `failures`: in a row, up to now. `paused_models`: ids of models for which it asked to
    wait, with the seconds that remain. `last_error`: the last sentence, empty = none; `last_error_age`: seconds since then.
    """

    name: str
    in_flight: int
    calls: dict[str, int]
    weight: float
    order: int
    operations: list[str]
    breaker: BreakerState
    retry_seconds: float | None
    failures: int
    paused_models: dict[str, float]
    last_error: str
    last_error_age: float | None


class InvalidResponse(PluginFault):
    """A source has answered with something that is no response."""

    def __init__(self, plugin: str, text: str) -> None:
        super().__init__(text)
        self.plugin = plugin


class RoutedSource:
    """One source. The optional attributes of the source are read once; what is unusable is replaced by the default."""

    def __init__(
        self,
        source: ModelSource,
        settings: GatewaySettings,
        plugin: str = "",
        log_failure: LogFailure | None = None,
    ) -> None:
        self.source, self._plugin, self._log_failure = source, plugin, log_failure
        self.name = source.name
        self.weight, self.order = _weight(source), _order(source)
        self.operations = _operations(source)
        self._ends_promptly = getattr(source, "ends_promptly", False) is True
        self.breaker = CircuitBreaker(settings)
        self.in_flight = 0
        self.outcomes: Counter[str] = Counter()
        self._last_error, self._last_error_at = "", 0.0

    @property
    def load(self) -> float:
        """Calls in flight for each unit of its weight."""
        return self.in_flight / self.weight

    async def ask(self, request: SourceRequest) -> SourceResponse:
        """Return the response of the source. Raises: SourceFailed, RateLimited; all other errors of the source.

        A failure that may concern the request is not counted: `confirm_failure` counts it.
        """
        breaker, model = self.breaker, request.model
        probe = breaker.begin(model)
        self.in_flight += 1
        is_open = False
        try:
            response = await self._complete(request)
            if response.status != 200:
                await self._check(response)
            is_open = not isinstance(response.body, bytes)
        except RateLimited as error:
            self._note(error, "limited")
            breaker.limited(model, error)
            raise
        except SourceFailed as error:
            self._note(error, "timed_out" if isinstance(error, SourceTimedOut) else "failed")
            if error.may_concern_request:
                breaker.released(probe)
            else:
                self._count_failure(model, error, is_probe=bool(probe))
            raise
        except BaseException as error:
            breaker.released(probe)
            if isinstance(error, DomainError):
                self.outcomes["refused"] += 1
            elif isinstance(error, Exception):
                self._note(error, "failed")
            else:
                self.outcomes["cancelled"] += 1
            raise
        finally:
            if not is_open:
                self.in_flight -= 1
        breaker.answered()
        if is_open:
            return msgspec.structs.replace(
                response,
                body=CountedStream(response.body, self._stream_ended),  # type: ignore[arg-type]
            )
        self.outcomes["answered" if response.status < 400 else "refused"] += 1
        return response

    def confirm_failure(self, model: str, error: SourceFailed) -> None:
        """Count a failure that did not concern the request: another source answered it."""
        self._count_failure(model, error, is_probe=self.breaker.state == "half_open")

    def activity(self) -> SourceActivity:
        """Return what the source is doing now."""
        state = self.breaker.state
        paused = self.breaker.paused_models().items()
        return SourceActivity(
            name=self.name,
            in_flight=self.in_flight,
            calls=dict(self.outcomes),
            weight=self.weight,
            order=self.order,
            operations=sorted(self.operations),
            breaker=state,
            retry_seconds=round(self.breaker.remaining_seconds, 1) if state == "open" else None,
            failures=self.breaker.failures,
            paused_models={model: round(seconds, 1) for model, seconds in paused},
            last_error=self._last_error,
            last_error_age=(
                round(time.monotonic() - self._last_error_at, 1) if self._last_error else None
            ),
        )

    async def _complete(self, request: SourceRequest) -> SourceResponse:
        """Return the response; of a source that may ignore its cancellation, bounded."""
        try:
            if self._ends_promptly:
                return self._checked(await self.source.complete(request))
            response = self._checked(await bounded(self.source.complete(request), self.name))
        except BaseException as error:
            if isinstance(error, Exception) or not is_failure(error):
                raise
            raise PluginExit from error
        if isinstance(response.body, bytes):
            return response
        return msgspec.structs.replace(response, body=BoundedStream(response.body, self.name))

    def _checked(self, response: Any) -> SourceResponse:
        """Return what a source has answered. Raises: InvalidResponse if it is no response."""
        if not isinstance(response, SourceResponse):
            raise InvalidResponse(
                self._plugin,
                f"complete returned {type(response).__name__}; return a SourceResponse",
            )
        if not isinstance(response.body, bytes) and not hasattr(response.body, "__aiter__"):
            raise InvalidResponse(
                self._plugin,
                f"the body of a SourceResponse is {type(response.body).__name__}; give bytes, or an async iterator",
            )
        return response

    async def _check(self, response: SourceResponse) -> None:
        """Raise the error of a response that does not concern the request."""
        headers = {name.lower(): value for name, value in response.headers.items()}
        error = status_error(self.name, response.status, headers)
        if error is not None:
            await close_body(response.body)
            raise error

    def _count_failure(self, model: str, error: SourceFailed, *, is_probe: bool) -> None:
        if self.breaker.failed(model, error, is_probe=is_probe):
            log.warning(
                "model source is not asked for a while",
                source=self.name,
                seconds=round(self.breaker.remaining_seconds, 1),
                failures=self.breaker.failures,
                reason=error.detail,
            )

    def _note(self, error: Exception, outcome: SourceOutcome) -> None:
        """Count a failure, and remember its sentence; of an unexpected exception only the kind, since its text may be secret."""
        self.outcomes[outcome] += 1
        is_sentence = isinstance(error, DomainError)
        if not is_sentence and self._log_failure is not None and self._plugin:
            cause = error.__cause__ if isinstance(error, PluginExit) and error.__cause__ else error
            doing = f"answering as the source {self.name!r}"
            at = self._log_failure(self._plugin, doing, cause, self.source)
            if isinstance(error, InvalidResponse):
                error.at = at
        self._last_error = str(error) if is_sentence else f"It failed with {type(error).__name__}."
        self._last_error_at = time.monotonic()

    def _stream_ended(self, error: Exception | None) -> None:
        self.in_flight -= 1
        if error is None:
            self.outcomes["answered"] += 1
        else:
            self._note(error, "broken_off")


def _weight(source: ModelSource) -> float:
    weight: Any = getattr(source, "weight", 1.0)
    is_usable = isinstance(weight, int | float) and math.isfinite(weight) and weight > 0
    return float(weight) if is_usable else 1.0


def _order(source: ModelSource) -> int:
    order: Any = getattr(source, "order", 0)
    return order if isinstance(order, int) else 0


def _operations(source: ModelSource) -> frozenset[Operation]:
    return OPERATIONS.intersection(operations_of(source))
