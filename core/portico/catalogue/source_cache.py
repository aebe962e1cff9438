"""The cached model list of one source.

A source that fails keeps its last list, marked stale. At most one `list_models()` runs at a time, however many requests
wait for it, and none of them can cancel it.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any, Literal

import msgspec
import structlog

from portico.catalogue.source import ModelCard, ModelSource
from portico.errors import DomainError
from portico.events import AdministratorAlert
from portico.plugin_errors.plugin_exit import PluginExit, is_failure
from portico.time_limit import within

log = structlog.get_logger("portico.catalogue")

#: Seconds after which a failed source is tried again if a good list never expires.
RETRY_SECONDS = 10.0

#: Seconds that any source gets for its list, whatever its own limits.
LIST_TIMEOUT_SECONDS = 30.0
#: Models of one source. More come from an endless iterator.
MAX_CARDS = 100_000


#: Logs an exception of a plugin: its name, what it was doing, the exception, the object that it registered. Returns where.
LogFailure = Callable[[str, str, BaseException, object], str]


class SourceStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The status of a source, for administrators.

    `state`: `ok`; `stale` = failed, its last list is still used; `failed` = failed, and there never was a list;
    `unknown` = not loaded yet. `age`: seconds since the last good list. `shared`: ids that other sources offer too, so
    that requests go to any of them. `shadowed`: ids for which this source is not asked, because an earlier one offers
    them to more users, or as local models.
    """

    plugin: str
    name: str
    state: Literal["ok", "stale", "failed", "unknown"]
    reason: str
    models: int
    age: float | None
    shared: Sequence[str] = ()
    shadowed: Sequence[str] = ()


class CachedSource:
    """Cached model list of one source.

    Calls `changed` when the list or the status differs, with whether others have to be told of a new list, and
    `log_failure` when the source fails in another way than by a domain error.
    """

    def __init__(
        self,
        plugin: str,
        source: ModelSource,
        changed: Callable[["CachedSource", bool], None],
        log_failure: LogFailure | None = None,
    ) -> None:
        self.plugin = plugin
        self.source = source
        self.cards: tuple[ModelCard, ...] | None = None
        self.reason = ""
        self.pending: asyncio.Task[Sequence[ModelCard]] | None = None
        self._reload: asyncio.Task[None] | None = None
        self._changed, self._log_failure = changed, log_failure
        self._is_announced = False
        self._refreshed_at: float | None = None
        self._loaded_at: float | None = None

    @property
    def is_stale(self) -> bool:
        """Whether the list is older than the last, failed, refresh."""
        return self.cards is not None and bool(self.reason)

    @property
    def has_answered(self) -> bool:
        """Whether a refresh has ever ended, with a list or an error."""
        return self._refreshed_at is not None

    @property
    def age(self) -> float | None:
        """Seconds since the last good list; None if there never was one."""
        return None if self._loaded_at is None else time.monotonic() - self._loaded_at

    def is_older_than(self, seconds: float) -> bool:
        """Return whether the source works, and its list is older than this."""
        return not self.reason and self.age is not None and self.age > seconds

    def is_due(self, ttl: float | None) -> bool:
        """Return whether the last refresh, successful or not, is older than `ttl` seconds.

        None = a good list never expires, and a failed source is tried again after `RETRY_SECONDS`.
        """
        if self._refreshed_at is None:
            return True
        if ttl is None:
            ttl = RETRY_SECONDS if self.reason else float("inf")
        return time.monotonic() - self._refreshed_at >= ttl

    def refreshed_within(self, seconds: float) -> bool:
        """Return whether the last refresh, successful or not, ended within the last seconds."""
        return self._refreshed_at is not None and time.monotonic() - self._refreshed_at < seconds

    def refresh(self, *, announced: bool = False) -> "asyncio.Task[Sequence[ModelCard]]":
        """Start a refresh, or return the running one. When the task ends, its result is stored.

        `announced`: another instance has told of the new list.
        """
        if self.pending is None:
            self._is_announced = announced
            self.pending = asyncio.create_task(self._list())
            self.pending.add_done_callback(self._store_result)
        return self.pending

    def reload(self) -> "asyncio.Task[object]":
        """Start a refresh that sees what has changed until now: one that runs already may have been answered before."""
        if self.pending is None:
            return self.refresh()
        if self._reload is None:
            self._reload = asyncio.create_task(self._refresh_after(self.pending))
        return self._reload

    async def _refresh_after(self, running: "asyncio.Task[Sequence[ModelCard]]") -> None:
        await asyncio.wait([running])
        self._reload = None
        await asyncio.wait([self.refresh()])

    def status(self, shared: Sequence[str] = (), shadowed: Sequence[str] = ()) -> SourceStatus:
        """Return the status as it is now."""
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
            shared=shared,
            shadowed=shadowed,
        )

    def alert(self) -> AdministratorAlert | None:
        """Return what administrators should know of the source; None if its last list was read."""
        if not self.reason:
            return None
        name = self.source.name
        message = f"The model source {name} does not list its models: {self.reason}"
        return AdministratorAlert("portico:source_failed", name, message)

    def cancel(self) -> None:
        """Cancel the running refresh, without waiting for its end."""
        if self._reload is not None:
            self._reload.cancel()
        if self.pending is not None:
            self.pending.cancel()

    async def stop(self) -> None:
        """Cancel the running refresh, and wait for its end."""
        running = [task for task in (self._reload, self.pending) if task is not None]
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running)

    async def _list(self) -> Sequence[ModelCard]:
        try:
            return _valid(await within(LIST_TIMEOUT_SECONDS, self.source.list_models()))
        except BaseException as error:
            if isinstance(error, Exception) or not is_failure(error):
                raise
            raise PluginExit from error

    def _store_result(self, task: "asyncio.Task[Sequence[ModelCard]]") -> None:
        # The task's exception is read, not raised, so that no error of a plugin gets out of here.
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
                self._report(error)
        if self.reason != before[1]:
            self._log_status()
        if (self.cards, bool(self.reason)) != (before[0], bool(before[1])):
            is_new = before[0] is not None and self.cards != before[0]
            self._changed(self, is_new and not self._is_announced)

    def _report(self, error: BaseException) -> None:
        """Log an error that no source should raise, with the plugin's file and line."""
        error = error.__cause__ if isinstance(error, PluginExit) and error.__cause__ else error
        if self._log_failure is not None and not isinstance(error, DomainError | TimeoutError):
            doing = f"list_models of the source {self.source.name!r}"
            self._log_failure(self.plugin, doing, error, self.source)

    def _log_status(self) -> None:
        where = {"plugin": self.plugin, "source": self.source.name}
        if self.reason:
            log.warning("model source failed", **where, reason=self.reason, stale=self.is_stale)
        else:
            log.info("model source recovered", **where)


def _valid(cards: Any) -> tuple[ModelCard, ...]:
    """Return what a source lists. Raises: TypeError if it is no list of cards, or one cannot be shown as JSON."""
    listed = tuple(islice(cards, MAX_CARDS + 1))
    if len(listed) > MAX_CARDS:
        raise TypeError(f"it listed more than {MAX_CARDS} models; list fewer")
    for card in listed:
        if not isinstance(card, ModelCard):
            raise TypeError(f"it listed {type(card).__name__}; list ModelCard objects")
        for field in ("id", "name", "owned_by", "connection_type"):
            if not isinstance(getattr(card, field), str):
                raise TypeError(f"the {field} of a ModelCard is no text")
    msgspec.json.encode(listed)
    return listed


def _unique_by_id(cards: Sequence[ModelCard]) -> tuple[ModelCard, ...]:
    """Return the cards without those whose id an earlier one has."""
    return tuple({card.id: card for card in reversed(cards)}.values())[::-1]


def _reason(error: BaseException) -> str:
    """Return a reason without addresses and API keys: the sentence of a domain error, else the kind of error."""
    if isinstance(error, DomainError):
        return error.detail
    if isinstance(error, TimeoutError):
        return "It did not answer in time."
    if isinstance(error, PluginExit) and error.__cause__ is not None:
        error = error.__cause__
    return f"It failed with {type(error).__name__}."
