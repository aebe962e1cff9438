"""Reading and changing what is stored. Names are dotted, such as `permissions.chat.delete`; values are JSON."""

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

# Not LIKE: an underscore of a name would stand for any character, and SQLite would not look at the case.
_BEGINS = (
    "SELECT name, value FROM portico_configuration WHERE substr(name, 1, CAST($2 AS INTEGER)) = $1"
)
# Makes sure that each row is there, and locks it; an empty value says that it was not there before.
_TAKE = (
    "INSERT INTO portico_configuration (name, value, updated_at, updated_by) VALUES {} "
    "ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING name, value"
)
_TAKEN = "(${}, '', 0, '')"
_SET = (
    "UPDATE portico_configuration SET value = $2, updated_at = $3, updated_by = $4 WHERE name = $1"
)


class RuntimeSettingsChanged(msgspec.Struct, frozen=True):
    """Some values are others than before. Shape of `names`: sorted."""

    names: tuple[str, ...]


class SettingsStore:
    """The values of one application. `moment`: seconds for which what was read is trusted.

    What this process changes is in force at once, what another instance changes after that moment.
    """

    def __init__(self, bus: EventBus, moment: float = 0) -> None:
        self._bus = bus
        self._stored: TTLCache[str, Mapping[str, Any]] = TTLCache(moment)
        bus.subscribe("portico", [Listener(RuntimeSettingsChanged, lambda _: self._stored.clear())])

    async def get(self, prefix: str = "") -> Mapping[str, Any]:
        """What is stored under the names that begin with `prefix`, by their full names. One statement a moment.

        Leave the result as it is: it is shared. A value that is damaged is left out.
        """
        return await self._stored.get_or_load(prefix, _read) or {}

    async def set(self, values: Mapping[str, Any], by: str) -> dict[str, Any]:
        """Store values, all or none, on behalf of an account. Whoever changes the same names meanwhile waits.

        Returns what was there before, for each name whose value is another now; None = nothing that can be read.
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
    """The texts stored under these names, which nobody else can change until the transaction ends."""
    taken: dict[str, str] = {}
    for some in chunks(names, MAX_ROWS_PER_STATEMENT):
        places = ", ".join(_TAKEN.format(number) for number in range(1, len(some) + 1))
        taken |= {one["name"]: one["value"] for one in await fetch_all(_TAKE.format(places), *some)}
    return taken


def _values(texts: Mapping[str, str]) -> dict[str, Any]:
    values = {}
    for name, text in texts.items():
        try:
            values[name] = msgspec.json.decode(text)
        except msgspec.DecodeError:
            continue
    return values
