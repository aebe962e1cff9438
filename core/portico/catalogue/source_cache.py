"""One model source, and the last good list of what it offers.

A source that is down keeps its last list, marked stale. However many requests want a fresh one, a source is asked
once at a time, and nobody who waits for the answer can cancel the question.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Literal

import msgspec
import structlog

from portico.catalogue.source import ModelCard, ModelSource
from portico.errors import DomainError

log = structlog.get_logger("portico.catalogue")

#: Seconds after which a source that is down is asked again, where a good list would be kept.
RETRY = 10.0

#: Seconds any source gets for its list, however patient it is itself.
LIST_TIMEOUT_SECONDS = 30.0


class SourceStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How a source is doing, for administrators.

    `state`: `ok`; `stale` = down, its last list is still shown; `failed` = down, and there never was a list;
    `unknown` = not asked yet. `age`: seconds since the last good list. `shadowed`: ids that an earlier source
    offers too, and so are not reachable here.
    """

    plugin: str
    name: str
    state: Literal["ok", "stale", "failed", "unknown"]
    reason: str
    models: int
    age: float | None
    shadowed: Sequence[str] = ()


class CachedSource:
    """A source's place in the catalogue. `changed` is called when its list or its state is a different one."""

    def __init__(self, plugin: str, source: ModelSource, changed: Callable[[], None]) -> None:
        self.plugin = plugin
        self.source = source
        self.cards: tuple[ModelCard, ...] | None = None
        self.reason = ""
        self.pending: asyncio.Task[Sequence[ModelCard]] | None = None
        self._changed = changed
        self._refreshed_at: float | None = None
        self._loaded_at: float | None = None

    @property
    def is_stale(self) -> bool:
        """Whether the list shown is not what the source said last."""
        return self.cards is not None and bool(self.reason)

    @property
    def has_answered(self) -> bool:
        """Whether the source has ever answered, well or badly."""
        return self._refreshed_at is not None

    @property
    def age(self) -> float | None:
        """Seconds since the last good list; None if there never was one."""
        return None if self._loaded_at is None else time.monotonic() - self._loaded_at

    def is_due(self, ttl: float | None) -> bool:
        """Whether the last answer, good or bad, is older than `ttl` seconds.

        None = a good one never is, and a source that is down is asked again before long.
        """
        if self._refreshed_at is None:
            return True
        if ttl is None:
            ttl = RETRY if self.reason else float("inf")
        return time.monotonic() - self._refreshed_at >= ttl

    def refresh(self) -> "asyncio.Task[Sequence[ModelCard]]":
        """The question to the source, the one under way if there is one. What it brings is kept by then."""
        if self.pending is None:
            self.pending = asyncio.create_task(self._list())
            self.pending.add_done_callback(self._store_result)
        return self.pending

    def state(self, shadowed: Sequence[str]) -> SourceStatus:
        """A snapshot for administrators."""
        known = self.cards is not None
        return SourceStatus(
            plugin=self.plugin,
            name=self.source.name,
            state=(
                ("stale" if known else "failed") if self.reason else ("ok" if known else "unknown")
            ),
            reason=self.reason,
            models=len(self.cards or ()),
            age=None if self.age is None else round(self.age, 1),
            shadowed=shadowed,
        )

    async def stop(self) -> None:
        """Give up the question under way."""
        if self.pending is not None:
            self.pending.cancel()
            await asyncio.wait([self.pending])

    async def _list(self) -> Sequence[ModelCard]:
        async with asyncio.timeout(LIST_TIMEOUT_SECONDS):
            try:
                return tuple(await self.source.list_models())
            except SystemExit as leaving:  # it would end the process, not the question
                raise RuntimeError("the source called sys.exit") from leaving

    def _store_result(self, task: "asyncio.Task[Sequence[ModelCard]]") -> None:
        # Reading the task's exception, rather than catching one, keeps a plugin's mistake in here, whatever it is.
        self.pending = None
        if task.cancelled():
            return
        before = (self.cards, self.reason)
        self._refreshed_at = time.monotonic()
        error = task.exception()
        if error is None:
            self.cards, self.reason = _unique_by_id(task.result()), ""
            self._loaded_at = self._refreshed_at
        else:
            self.reason = _reason(error)
        if self.reason != before[1]:
            self._log_status()
        if (self.cards, bool(self.reason)) != (before[0], bool(before[1])):
            self._changed()

    def _log_status(self) -> None:
        where = {"plugin": self.plugin, "source": self.source.name}
        if self.reason:
            log.warning("model source failed", **where, reason=self.reason, stale=self.is_stale)
        else:
            log.info("model source is back", **where)


def _unique_by_id(cards: Sequence[ModelCard]) -> tuple[ModelCard, ...]:
    """The cards, of those with one id the first."""
    return tuple({card.id: card for card in reversed(cards)}.values())[::-1]


def _reason(error: BaseException) -> str:
    """Why, in words that hold no address and no key: a refusal's own, else only the kind of error."""
    if isinstance(error, DomainError):
        return error.detail
    if isinstance(error, TimeoutError):
        return "It did not answer in time."
    return f"It failed with {type(error).__name__}."
