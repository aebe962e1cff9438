"""Sends each call to a source of its model: the least busy one that works, and the next one if that fails."""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import structlog

from portico.catalogue import ModelSource, Operation, SourceRequest, SourceResponse
from portico.catalogue.source_cache import LogFailure
from portico.errors import (
    DomainError,
    InvalidRequest,
    RateLimited,
    SourceFailed,
    error_location,
)
from portico.gateway.call import GatewayCall
from portico.gateway.failover import Failover
from portico.gateway.routed_source import RoutedSource, SourceActivity
from portico.settings.gateway import GatewaySettings
from portico.tracing import Attributes, current_trace, span

log = structlog.get_logger("portico.gateway")

#: Characters of the name of a model or a source in a trace.
MAX_TRACED_CHARS: Final = 128
#: As the semantic conventions of OpenTelemetry name them.
_GEN_AI_OPERATIONS: Final[Mapping[Operation, str]] = {
    "chat": "chat",
    "embeddings": "embeddings",
    "responses": "chat",
    "messages": "chat",
}
_FAILURES: Final = (SourceFailed, RateLimited)


class Router:
    """Picks the source of each call. `sources`: all that the catalogue has now. `chance`: decides between equals.

    `plugin_of`: the plugin of a source. `log_failure`: how an exception of a source is logged that is no domain error.

    It knows how busy the sources are in this process, and how their last calls ended.
    """

    def __init__(
        self,
        settings: GatewaySettings,
        sources: Callable[[], Sequence[ModelSource]],
        chance: random.Random | None = None,
        *,
        plugin_of: Callable[[ModelSource], str] = lambda source: "",
        log_failure: LogFailure | None = None,
    ) -> None:
        self._settings, self._sources = settings, sources
        self._plugin_of, self._log_failure = plugin_of, log_failure
        self._chance = chance or random.Random()  # noqa: S311 - spreads load
        #: By the identity of the source, since a connection that was edited is another source with the same name.
        self._routed: dict[int, RoutedSource] = {}

    async def send(self, call: GatewayCall) -> SourceResponse:
        """Return the response of a source of the model; of the next one, if it fails before the first byte.

        Raises: InvalidRequest if no source does what is asked for; SourceFailed, SourceTimedOut or RateLimited if all
        failed; another error of the source, which concerns the request.
        """
        request = call.request
        failover = Failover(self._able(call), call.target.stale, request.model, self._chance)
        while (source := failover.next()) is not None:
            if failover.failures:
                _log_failover(call, failover.failures[-1], source)
            call.source = source.name
            try:
                response = await _ask(source, request)
            except Exception as error:
                if isinstance(error, DomainError) and not isinstance(error, _FAILURES):
                    raise
                failover.failed(source, error)
                if self._is_over(call, failover):
                    break
            else:
                if response.status < 400:
                    failover.confirm_failures()
                return response
        if len(failover.failures) > 1:
            log.warning("no source of a model answered", model=request.model)
        raise failover.error()

    def activity(self, source: ModelSource) -> SourceActivity:
        """Return what a source is doing in this process."""
        return self._of(source).activity()

    def allow_probe(self, source: ModelSource) -> None:
        """Send the next request to a source even if it failed before: it was seen to work."""
        self._of(source).breaker.allow_probe()

    def _able(self, call: GatewayCall) -> list[RoutedSource]:
        """Return the sources of a call that do what it asks for."""
        operation = call.request.operation
        able = [one for one in map(self._of, call.target.sources) if operation in one.operations]
        if not able:
            raise InvalidRequest(
                f"The model {call.target.name!r} does not support {operation}. Choose another model."
            )
        return able

    def _is_over(self, call: GatewayCall, failover: Failover) -> bool:
        """Return whether a call that failed is not sent to a further source."""
        settings = self._settings
        seconds = time.monotonic() - call.started
        return (
            len(failover.failures) >= settings.max_attempts or seconds > settings.failover_timeout
        )

    def _of(self, source: ModelSource) -> RoutedSource:
        found = self._routed.get(id(source))
        return found if found is not None else self._add(source)

    def _add(self, source: ModelSource) -> RoutedSource:
        """Add a source, and forget those that the catalogue has no more. One that is not in it is not kept."""
        known = self._routed
        self._routed = {id(one): known.get(id(one)) or self._made(one) for one in self._sources()}
        return self._routed.get(id(source)) or self._made(source)

    def _made(self, source: ModelSource) -> RoutedSource:
        return RoutedSource(source, self._settings, self._plugin_of(source), self._log_failure)


async def _ask(source: RoutedSource, request: SourceRequest) -> SourceResponse:
    """Ask a source, in a span until the first bytes of its answer. Raises: as `RoutedSource.ask`."""
    if current_trace() is None:
        return await source.ask(request)
    operation = _GEN_AI_OPERATIONS[request.operation]
    model = request.model[:MAX_TRACED_CHARS]
    attributes: Attributes = {
        "gen_ai.operation.name": operation,
        "gen_ai.request.model": model,
        "gen_ai.provider.name": source.name[:MAX_TRACED_CHARS],
        "portico.operation": request.operation,
        "portico.stream": request.stream,
    }
    with span(f"{operation} {model}", "client", attributes) as one:
        try:
            response = await source.ask(request)
        except DomainError as error:
            one.fail(
                type(error).__name__
            )  # a source that failed, not a user who asked for something impossible
            raise
        one.set("http.response.status_code", response.status)
        if response.status >= 400:
            one.fail(str(response.status))
        return response


def _log_failover(call: GatewayCall, error: Exception, source: RoutedSource) -> None:
    """Log which source failed and why, and which one is asked in its place."""
    is_sentence = isinstance(error, DomainError)
    log.warning(
        "a source failed before it answered, another one is asked",
        model=call.request.model,
        failed=call.source,
        reason=str(error) if is_sentence else f"{type(error).__name__} at {error_location(error)}",
        asked=source.name,
    )
