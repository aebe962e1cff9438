"""The sources of one call: which one is asked next, and which error the client is sent when none answers."""

import random
from collections.abc import Iterable, Sequence

from portico.catalogue import ModelSource
from portico.errors import RateLimited, SourceFailed
from portico.gateway.routed_source import RoutedSource


class Failover:
    """The sources that one call may still be sent to, and how the others failed.

    `stale`: those that did not list their models when last asked. `chance`: decides between equals.
    """

    def __init__(
        self,
        sources: Iterable[RoutedSource],
        stale: Sequence[ModelSource],
        model: str,
        chance: random.Random,
    ) -> None:
        self._waiting, self._stale = list(sources), stale
        self._model, self._chance = model, chance
        self._refusals: list[Exception] = []
        self._doubtful: list[tuple[RoutedSource, SourceFailed]] = []
        self.failures: list[Exception] = []

    def next(self) -> RoutedSource | None:
        """Return the source to ask: the least busy one of those with the smallest order that are not refused now.

        A stale source comes after the others of its order, and one that was over its limit just now after all others.
        None if there is none left.
        """
        best: list[RoutedSource] = []
        rank: tuple[bool, int, bool, float] | None = None
        self._refusals = []
        for one in self._waiting:
            refusal = one.breaker.refusal(self._model)
            if refusal is not None:
                self._refusals.append(refusal)
                continue
            is_second_choice = one.breaker.is_second_choice(self._model)
            its = (is_second_choice, one.order, one.source in self._stale, one.load)
            if rank is None or its < rank:
                best, rank = [one], its
            elif its == rank:
                best.append(one)
        if len(best) > 1:
            return self._chance.choices(best, [one.weight for one in best])[0]
        return best[0] if best else None

    def failed(self, source: RoutedSource, error: Exception) -> None:
        """Note that a source failed; it is not asked again."""
        self._waiting.remove(source)
        self.failures.append(error)
        if isinstance(error, SourceFailed) and error.may_concern_request:
            self._doubtful.append((source, error))

    def confirm_failures(self) -> None:
        """Count the failures that might have concerned the request: it was answered, so they did not."""
        for source, error in self._doubtful:
            source.confirm_failure(self._model, error)

    def error(self) -> Exception:
        """Return the error for the client: the last failure, or the limit that is over first if there are only limits."""
        errors = [*self._refusals, *self.failures]
        failures = [error for error in errors if isinstance(error, SourceFailed)]
        limits = [error for error in errors if isinstance(error, RateLimited)]
        if failures:
            return failures[-1]
        return min(limits, key=lambda error: error.retry_after) if limits else errors[-1]
