"""Summarizes repeated log events: the first is written, the others are counted in one summary line a second.

Events that a client can cause with each request, such as a refused key or an error of a provider, could otherwise fill
a disk. An event with `own_line=True` is always written; use it where a state changes.
"""

import threading
import time
from collections.abc import Callable, MutableMapping
from typing import Any

import structlog

Event = MutableMapping[str, Any]

#: Seconds between two summary lines about similar events.
WINDOW_SECONDS = 1.0
#: Kinds of events of one client, and of all clients, that are counted separately within a window.
MAX_KINDS_OF_CLIENT = 8
MAX_KINDS = 100
#: Characters of a text by which events are distinguished.
MAX_KEY_CHARS = 200
#: Names of events that a summary of different ones lists.
MAX_NAMES = 10

#: Two events are similar if these fields are equal.
_KIND_FIELDS = (
    "event", "level", "status", "reason", "why", "error", "at", "plugin", "doing", "name", "source", "provider", "account",
)  # fmt: skip
#: Fields that differ for each event, so a summary has none of them.
_INDIVIDUAL_FIELDS = (
    "request",
    "timestamp",
    "exc_info",
    "stack_info",
    "_record",
    "_from_structlog",
)
_MORE = "more log lines of this client"
_MORE_OF_ALL = "more log lines of other clients"


def own_lines(_: Any, __: str, event: Event) -> Event:
    """Remove `own_line` where nothing is summarized. A structlog processor."""
    event.pop("own_line", None)
    return event


class _Group:
    """Similar events that were not written since the last line about them."""

    def __init__(self, ends: float) -> None:
        self.ends = ends
        self.count = 0
        self.common: dict[str, Any] = {}
        self.first = self.last = ""
        self.names: dict[str, int] = {}

    def add(self, event: Event, *, mixed: bool) -> None:
        at = str(event.get("timestamp", ""))
        fields = {name: value for name, value in event.items() if name not in _INDIVIDUAL_FIELDS}
        if not self.count:
            self.common, self.first = fields, at
        else:
            same = self.common.items()
            self.common = {k: v for k, v in same if k in fields and fields[k] == v}
        if mixed:
            name = str(event.get("event", ""))[:MAX_KEY_CHARS]
            if name in self.names or len(self.names) < MAX_NAMES:
                self.names[name] = self.names.get(name, 0) + 1
        self.count += 1
        self.last = at


class RepeatFilter:
    """A structlog processor that passes on the first event of a kind and client, and summarizes the others.

    `emit`: writes a summary; called by `flush`, in a thread that sleeps while there is nothing to summarize. Events
    without `request`, such as those of start, stop and background work, are all written. Put it after the processors
    that add `level` and `timestamp`.
    """

    def __init__(
        self, emit: Callable[[Event], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._emit, self._clock = emit, clock
        self._changed = threading.Condition(threading.RLock())
        self._groups: dict[tuple[str, ...], _Group] = {}
        self._of_client: dict[str, int] = {}
        self._thread: threading.Thread | None = None

    def __call__(self, _: Any, __: str, event: Event) -> Event:
        """Pass the event on, or count it for a summary. Raises: DropEvent."""
        if event.pop("own_line", False) or not _can_repeat(event):
            return event
        client = str(event.get("client", ""))
        with self._changed:
            key = self._key(event, client)
            group = self._groups.get(key)
            if group is None:
                self._groups[key] = _Group(self._clock() + WINDOW_SECONDS)
                self._of_client[_client(key)] = self._of_client.get(_client(key), 0) + 1
                self._wake()
                if not _is_mixed(key):
                    return event
                group = self._groups[key]
            group.add(event, mixed=_is_mixed(key))
        raise structlog.DropEvent

    def flush(self, now: float = float("inf")) -> None:
        """Write the summaries that are due at `now`, by the clock; by default all."""
        due: list[Event] = []
        with self._changed:
            for key, group in list(self._groups.items()):
                if group.ends > now:
                    continue
                if group.count:
                    due.append(_summary(key, group))
                if group.count and now < float("inf"):
                    # It continues: further events are summarized at once.
                    self._groups[key] = _Group(now + WINDOW_SECONDS)
                else:
                    self._forget(key)
        for event in due:
            self._emit(event)

    def _key(self, event: Event, client: str) -> tuple[str, ...]:
        key = (client, *(str(event.get(name, ""))[:MAX_KEY_CHARS] for name in _KIND_FIELDS))
        if key in self._groups:
            return key
        if self._of_client.get(client, 0) >= MAX_KINDS_OF_CLIENT:
            return (_MORE, client)
        return key if len(self._groups) < MAX_KINDS else (_MORE_OF_ALL, "")

    def _forget(self, key: tuple[str, ...]) -> None:
        del self._groups[key]
        client = _client(key)
        self._of_client[client] -= 1
        if not self._of_client[client]:
            del self._of_client[client]

    def _wake(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="log-summary", daemon=True)
            self._thread.start()
        self._changed.notify()

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._groups:
                    self._changed.wait()
                ends = min(group.ends for group in self._groups.values())
            time.sleep(max(0.0, ends - self._clock()))
            self.flush(self._clock())


def _can_repeat(event: Event) -> bool:
    """Return whether requests may have caused it: asyncio may log their errors after they have ended."""
    by_request = "request" in event or getattr(event.get("_record"), "name", "") == "asyncio"
    return by_request and event.get("level") != "debug"


def _is_mixed(key: tuple[str, ...]) -> bool:
    return key[0] in (_MORE, _MORE_OF_ALL)


def _client(key: tuple[str, ...]) -> str:
    return key[1] if _is_mixed(key) else key[0]


def _summary(key: tuple[str, ...], group: _Group) -> Event:
    event: dict[str, Any] = {**group.common}
    if _is_mixed(key):
        event |= {"event": key[0], "events": group.names}
        event.setdefault("level", "info")
    elif "event" not in event:
        event["event"] = key[1]
    event |= {"count": group.count, "first": group.first, "last": group.last}
    return event
