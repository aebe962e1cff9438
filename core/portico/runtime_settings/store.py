"""Reads and writes stored settings. Names are dotted, such as `permissions.chat.delete`; values are JSON."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from portico.cache import TTLCache
from portico.db import (
    MAX_ROWS_PER_STATEMENT,
    after_commit,
    chunks,
    execute,
    fetch_all,
    now,
    transaction,
)
from portico.events import EventBus, Listener
from portico.instances import ChangedElsewhere

# Not LIKE: an underscore in a name would match any character, and SQLite would ignore the case.
_BEGINS = (
    "SELECT name, value FROM portico_configuration WHERE substr(name, 1, CAST($2 AS INTEGER)) = $1"
)
# Inserts missing rows and locks all of them; an empty value means that the row did not exist before.
_LOCK = (
    "INSERT INTO portico_configuration (name, value, updated_at, updated_by) VALUES {} "
    "ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING name, value"
)
_LOCKED_ROW = "(${}, '', 0, '')"
_SET = (
    "UPDATE portico_configuration SET value = $2, updated_at = $3, updated_by = $4 WHERE name = $1"
)


class RuntimeSettingsChanged(msgspec.Struct, frozen=True):
    """Stored values have changed. `names`: sorted."""

    names: tuple[str, ...]


class SettingsStore:
    """The stored settings of one application. `ttl_seconds`: how long values are cached.

    A change by this process is visible at once, one by another instance when that tells of it, or when the cached values
    expire.
    """

    def __init__(self, bus: EventBus, ttl_seconds: float = 0) -> None:
        self._bus = bus
        self._stored: TTLCache[str, Mapping[str, Any]] = TTLCache(ttl_seconds)
        bus.subscribe(
            "portico",
            [
                Listener(event, lambda _: self._stored.clear())
                for event in (RuntimeSettingsChanged, ChangedElsewhere)
            ],
        )

    async def get(self, prefix: str = "") -> Mapping[str, Any]:
        """Return the stored values whose names begin with `prefix`, by full name. At most one statement per `ttl_seconds`.

        Do not change the result: it is shared. A value that is not valid JSON is left out.
        """
        return await self._stored.get_or_load(prefix, _read) or {}

    async def set(self, values: Mapping[str, Any], by: str) -> dict[str, Any]:
        """Store values, all or none. `by`: id of the account. Concurrent changes of the same names wait.

        Returns the previous value of each name whose value has changed; None = there was none.
        """
        texts = {name: msgspec.json.encode(values[name]).decode() for name in sorted(values)}
        async with transaction():
            before = await _lock(list(texts))
            changed = [name for name, text in texts.items() if before[name] != text]
            for name in changed:
                await execute(_SET, name, texts[name], now(), by)
            if changed:
                event = RuntimeSettingsChanged(tuple(changed))
                after_commit(lambda: self._bus.publish(event))
        were = _values(before)
        return {name: were.get(name) for name in changed}


async def _read(prefix: str) -> Mapping[str, Any]:
    found = await fetch_all(_BEGINS, prefix, len(prefix))
    return _values({one["name"]: one["value"] for one in found})


async def _lock(names: Sequence[str]) -> dict[str, str]:
    """Lock the rows of these names until the transaction ends. Returns their texts."""
    taken: dict[str, str] = {}
    for some in chunks(names, MAX_ROWS_PER_STATEMENT):
        places = ", ".join(_LOCKED_ROW.format(number) for number in range(1, len(some) + 1))
        taken |= {one["name"]: one["value"] for one in await fetch_all(_LOCK.format(places), *some)}
    return taken


def _values(texts: Mapping[str, str]) -> dict[str, Any]:
    values = {}
    for name, text in texts.items():
        try:
            values[name] = msgspec.json.decode(text)
        except msgspec.DecodeError:
            continue
    return values
