"""Reads and writes stored settings. Names are dotted, such as `permissions.chat.delete`; values are JSON."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple
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
from portico.runtime_settings.history import SettingsHistory, StoredText
from portico.runtime_settings.tables import ENCRYPTED

log = structlog.get_logger("portico.runtime_settings")

# Not LIKE: an underscore in a name would match any character, and SQLite would ignore the case.
_BEGINS = (
    "SELECT name, value, encrypted, version, updated_at, updated_by FROM portico_configuration "
    "WHERE substr(name, 1, CAST($2 AS INTEGER)) = $1 ORDER BY name"
)
# Inserts missing rows and locks all of them; an empty value means that the row did not exist before.
_LOCK = (
    "INSERT INTO portico_configuration (name, value, updated_at, updated_by) VALUES {} "
    "ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING name, value, encrypted, version"
)
_LOCKED_ROW = "(${}, '', 0, '')"
_SET = (
    "UPDATE portico_configuration SET value = $2, encrypted = $3, updated_at = $4, updated_by = $5, "
    "version = $6 WHERE name = $1"
)


class RuntimeSettingsChanged(msgspec.Struct, frozen=True):
    """Stored values have changed. `names`: sorted."""

    names: tuple[str, ...]


class StoredSetting(NamedTuple):
    """When and by which account a stored setting was changed last. `version`: number of that change, 0 = unknown.

    `is_set`: whether a value is stored. Units: `updated_at` in epoch seconds.
    """

    version: int
    updated_at: int
    updated_by: str
    is_set: bool


class SettingsStore:
    """The stored settings of one application. `ttl_seconds`: how long values are cached.

    A change by this process is visible at once, one by another instance when that tells of it, or when the cached values
    expire. `encryptor`: for values with secrets.
    """

    def __init__(
        self, bus: EventBus, ttl_seconds: float = 0, encryptor: Encryptor | None = None
    ) -> None:
        self._bus, self._encryptor = bus, encryptor
        self.cache: TTLCache[str, Mapping[str, Any]] = TTLCache(ttl_seconds)
        #: Encrypted values that cannot be decrypted, which were logged.
        self._undecryptable: set[str] = set()
        self._changes = 0
        self.history = SettingsHistory(encryptor)
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
            values = await self.cache.get_or_load(prefix, self._read)
            if changes == self._changes:
                return {} if values is None else values
            # A change was made while these were read: they must not take the place of newer ones.

    def cached(self, prefix: str = "") -> Mapping[str, Any] | None:
        """Return what `get` would, if that needs no statement; else None."""
        return None if self.is_changing() else self.cache.cached(prefix)

    async def set(
        self, values: Mapping[str, Any], by: str, secret: Collection[str] = ()
    ) -> dict[str, Any]:
        """Store values, all or none; UNSET removes one. `by`: id of the account. Concurrent changes of the same names wait.

        `secret`: names of values that are encrypted. Returns the previous value of each name whose value has changed;
        None = there was none.
        """
        texts = {
            name: "" if value is msgspec.UNSET else msgspec.json.encode(value).decode()
            for name, value in sorted(values.items())
        }
        async with transaction():
            before = await self._lock(list(texts))
            changed = [
                name
                for name, text in texts.items()
                if before[name].json != text or (before[name].is_secret and not text)
            ]
            if changed:
                version = await self.history.record(
                    {
                        name: StoredText(
                            before[name].json, before[name].is_secret or name in secret
                        )
                        for name in changed
                    },
                    by,
                )
            for name in changed:
                plain, encrypted = texts[name], ""
                if name in secret and plain:
                    plain, encrypted = "", self._encrypt(name, plain)
                await execute(_SET, name, plain, encrypted, now(), by, version)
            if changed:
                event = RuntimeSettingsChanged(tuple(changed))
                after_commit(lambda: self._bus.publish(event))
        were = _values({name: text.json for name, text in before.items()})
        return {name: were.get(name) for name in changed}

    async def stored(self, prefix: str = "") -> dict[str, StoredSetting]:
        """Return which settings whose names begin with `prefix` were ever changed, and when. Not cached."""
        return {
            row["name"]: StoredSetting(
                row["version"],
                row["updated_at"],
                row["updated_by"],
                bool(row["value"] or row["encrypted"]),
            )
            for row in await fetch_all(_BEGINS, prefix, len(prefix))
        }

    async def lock(self, names: Sequence[str]) -> None:
        """Make other changes of these names wait for the end of the open transaction."""
        await self._lock(sorted(names))

    def _clear(self) -> None:
        self._changes += 1
        self.cache.clear()

    def is_changing(self) -> bool:
        """Return whether the open transaction of this task has locked or changed settings, which others do not see yet."""
        if not self._may_be_changing:  # mostly: each request asks several times
            return False
        self._may_be_changing = len(self._changing) > 0
        found = current_database().current_transaction()
        return found is not None and found in self._changing

    async def _read(self, prefix: str) -> Mapping[str, Any]:
        rows = await fetch_all(_BEGINS, prefix, len(prefix))
        return _values({row["name"]: self._text(row) for row in rows})

    async def _lock(self, names: Sequence[str]) -> dict[str, StoredText]:
        """Lock the rows of these names until the transaction ends. Returns their texts."""
        if (transaction := current_database().current_transaction()) is not None:
            self._changing.add(transaction)
            self._may_be_changing = True
        taken: dict[str, StoredText] = {}
        for some in chunks(names, MAX_ROWS_PER_STATEMENT):
            places = ", ".join(_LOCKED_ROW.format(number) for number in range(1, len(some) + 1))
            for row in await fetch_all(_LOCK.format(places), *some):
                taken[row["name"]] = StoredText(self._text(row), bool(row["encrypted"]))
        return taken

    def _encrypt(self, name: str, text: str) -> str:
        if self._encryptor is None:
            raise LookupError(f"{name} is to be encrypted, and this store has no encryptor")
        return self._encryptor.encrypt(text, ENCRYPTED.context_for(name))

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
