"""Reads and writes stored settings. Names are dotted, such as `permissions.chat.delete`; values are JSON."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from weakref import WeakSet

import msgspec
import structlog

from portico.cache import TTLCache
from portico.db import (
    MAX_ROWS_PER_STATEMENT,
    Transaction,
    after_commit,
    chunks,
    current_database,
    execute,
    fetch_all,
    now,
    transaction,
)
from portico.encryption import DecryptionError, Encryptor
from portico.events import EventBus, Listener
from portico.instances import ChangedElsewhere
from portico.runtime_settings.tables import ENCRYPTED

log = structlog.get_logger("portico.runtime_settings")

# Not LIKE: an underscore in a name would match any character, and SQLite would ignore the case.
_BEGINS = (
    "SELECT name, value, encrypted FROM portico_configuration "
    "WHERE substr(name, 1, CAST($2 AS INTEGER)) = $1"
)
# Inserts missing rows and locks all of them; an empty value means that the row did not exist before.
_LOCK = (
    "INSERT INTO portico_configuration (name, value, updated_at, updated_by) VALUES {} "
    "ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING name, value, encrypted"
)
_LOCKED_ROW = "(${}, '', 0, '')"
_SET = (
    "UPDATE portico_configuration SET value = $2, encrypted = $3, updated_at = $4, updated_by = $5 "
    "WHERE name = $1"
)


class RuntimeSettingsChanged(msgspec.Struct, frozen=True):
    """Stored values have changed. `names`: sorted."""

    names: tuple[str, ...]


class SettingsStore:
    """The stored settings of one application. `ttl_seconds`: how long values are cached.

    A change by this process is visible at once, one by another instance when that tells of it, or when the cached values
    expire. `encryptor`: for values with secrets.
    """

    def __init__(
        self, bus: EventBus, ttl_seconds: float = 0, encryptor: Encryptor | None = None
    ) -> None:
        self._bus, self._encryptor = bus, encryptor
        self._stored: TTLCache[str, Mapping[str, Any]] = TTLCache(ttl_seconds)
        #: Encrypted values that cannot be decrypted, which were logged.
        self._undecryptable: set[str] = set()
        self._changes = 0
        self._changing: WeakSet[Transaction] = WeakSet()
        self._may_be_changing = False
        bus.subscribe(
            "portico",
            [
                Listener(event, lambda _: self._clear())
                for event in (RuntimeSettingsChanged, ChangedElsewhere)
            ],
        )

    async def get(self, prefix: str = "") -> Mapping[str, Any]:
        """Return the stored values whose names begin with `prefix`, by full name. At most one statement per `ttl_seconds`.

        Do not change the result: it is shared, and may hold secrets. A value that is not valid JSON is left out, and so
        is one that cannot be decrypted. A transaction that changes settings gets what it has stored.
        """
        if self.is_changing():
            return await self._read(prefix)
        while True:
            changes = self._changes
            values = await self._stored.get_or_load(prefix, self._read) or {}
            if changes == self._changes:
                return values
            # A change was made while these were read: they must not take the place of newer ones.

    async def set(
        self, values: Mapping[str, Any], by: str, secret: Collection[str] = ()
    ) -> dict[str, Any]:
        """Store values, all or none. `by`: id of the account. Concurrent changes of the same names wait.

        `secret`: names of values that are encrypted. Returns the previous value of each name whose value has changed;
        None = there was none.
        """
        texts = {name: msgspec.json.encode(values[name]).decode() for name in sorted(values)}
        async with transaction():
            before = await self._lock(list(texts))
            changed = [name for name, text in texts.items() if before[name] != text]
            for name in changed:
                plain, encrypted = texts[name], ""
                if name in secret:
                    plain, encrypted = "", self._encrypt(name, plain)
                await execute(_SET, name, plain, encrypted, now(), by)
            if changed:
                event = RuntimeSettingsChanged(tuple(changed))
                after_commit(lambda: self._bus.publish(event))
        were = _values(before)
        return {name: were.get(name) for name in changed}

    async def lock(self, names: Sequence[str]) -> None:
        """Make other changes of these names wait for the end of the open transaction."""
        await self._lock(sorted(names))

    def _clear(self) -> None:
        self._changes += 1
        self._stored.clear()

    def is_changing(self) -> bool:
        """Return whether the open transaction of this task has locked or changed settings, which others do not see yet."""
        if not self._may_be_changing:  # mostly: each request asks several times
            return False
        self._may_be_changing = len(self._changing) > 0
        found = current_database().current_transaction()
        return found is not None and found in self._changing

    async def _read(self, prefix: str) -> Mapping[str, Any]:
        return _values(self._texts(await fetch_all(_BEGINS, prefix, len(prefix))))

    async def _lock(self, names: Sequence[str]) -> dict[str, str]:
        """Lock the rows of these names until the transaction ends. Returns their texts."""
        if (transaction := current_database().current_transaction()) is not None:
            self._changing.add(transaction)
            self._may_be_changing = True
        taken: dict[str, str] = {}
        for some in chunks(names, MAX_ROWS_PER_STATEMENT):
            places = ", ".join(_LOCKED_ROW.format(number) for number in range(1, len(some) + 1))
            taken |= self._texts(await fetch_all(_LOCK.format(places), *some))
        return taken

    def _encrypt(self, name: str, text: str) -> str:
        if self._encryptor is None:
            raise LookupError(f"{name} is to be encrypted, and this store has no encryptor")
        return self._encryptor.encrypt(text, ENCRYPTED.context_for(name))

    def _texts(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
        """Return the JSON of rows by name, decrypted."""
        return {row["name"]: self._text(row) for row in rows}

    def _text(self, row: Mapping[str, Any]) -> str:
        name, encrypted = str(row["name"]), str(row["encrypted"])
        if not encrypted or self._encryptor is None:
            return str(row["value"])
        try:
            return self._encryptor.decrypt(encrypted, ENCRYPTED.context_for(name))
        except DecryptionError as error:
            if encrypted not in self._undecryptable:
                self._undecryptable.add(encrypted)
                log.error("stored setting cannot be decrypted", setting=name, why=str(error))
            return ""


def _values(texts: Mapping[str, str]) -> dict[str, Any]:
    values = {}
    for name, text in texts.items():
        try:
            values[name] = msgspec.json.decode(text)
        except msgspec.DecodeError:
            continue
    return values
