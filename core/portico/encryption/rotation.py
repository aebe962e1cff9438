"""Key rotation: counts encrypted values by key, and encrypts them again with the current key."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from portico.db import EncryptedColumn, execute, fetch_all, fetch_all_in_thread, placeholders
from portico.encryption.encryptor import PREFIX_CHARS, VERSION, DecryptionError, Encryptor
from portico.encryption.key_ring import ID_CHARS

#: Values that are read and written by one statement.
BATCH_SIZE: Final = 100


@dataclass(frozen=True, slots=True)
class KeyUsage:
    """The number of values of a column that one key encrypted. `key_id`: empty for values that are not encrypted."""

    column: EncryptedColumn
    key_id: str
    count: int


@dataclass(slots=True)
class Rotation:
    """The result of a rotation. `undecryptable`: values that were left unchanged, by column."""

    reencrypted: int = 0
    undecryptable: dict[str, int] = field(default_factory=dict)


async def key_usage(columns: Iterable[EncryptedColumn]) -> list[KeyUsage]:
    """Count encrypted values by column and key."""
    usages = []
    for column in columns:
        text = f'"{column.column}"'
        counted: dict[str, int] = {}
        for group in await fetch_all_in_thread(
            f"SELECT substr({text}, 1, {PREFIX_CHARS}) AS head, count(*) AS count "  # noqa: S608 - a plugin's names
            f"FROM \"{column.table}\" WHERE {text} <> '' GROUP BY 1"
        ):
            key_id = _key_id(group["head"])
            counted[key_id] = counted.get(key_id, 0) + group["count"]
        usages += [KeyUsage(column, key_id, count) for key_id, count in sorted(counted.items())]
    return usages


async def rotate(
    encryptor: Encryptor,
    columns: Iterable[EncryptedColumn],
    on_batch: Callable[[int], object] = lambda _: None,
) -> Rotation:
    """Encrypt all values again that another key encrypted.

    Each batch is written by one statement that skips values that were changed meanwhile, so a rotation can run beside
    the server, be interrupted and be started again. `on_batch`: called with the number of values read.
    """
    done = Rotation()
    for column in columns:
        async for batch in _batches(encryptor, column):
            reencrypted = {}
            for key, encrypted in batch:
                context = column.context_for(key)
                try:
                    plain = encryptor.decrypt(encrypted, context)
                    reencrypted[key] = encrypted, encryptor.encrypt(plain, context)
                except DecryptionError:
                    done.undecryptable[str(column)] = done.undecryptable.get(str(column), 0) + 1
            await _replace_values(column, reencrypted)
            done.reencrypted += len(reencrypted)
            on_batch(len(batch))
    return done


async def _batches(encryptor: Encryptor, column: EncryptedColumn) -> Any:
    """Yield batches of pairs of primary key and value that another key encrypted, in the order of primary keys."""
    key, text = f'"{column.key}"', f'"{column.column}"'
    select = (
        f'SELECT {key} AS key, {text} AS value FROM "{column.table}" '  # noqa: S608 - a plugin's names
        f"WHERE {text} <> '' AND substr({text}, 1, {PREFIX_CHARS}) <> $1"
    )
    end = f" ORDER BY {key} LIMIT {BATCH_SIZE}"
    rows = await fetch_all(select + end, encryptor.current_prefix)
    while rows:
        yield [(row["key"], row["value"]) for row in rows]
        rows = await fetch_all(
            f"{select} AND {key} > $2{end}", encryptor.current_prefix, rows[-1]["key"]
        )


async def _replace_values(column: EncryptedColumn, reencrypted: dict[Any, tuple[str, str]]) -> None:
    """Replace the old values by the new ones. Encrypted values are unique, so they identify their row."""
    if not reencrypted:
        return
    values: list[Any] = [text for pair in reencrypted.values() for text in pair]
    cases = " ".join(f"WHEN ${n} THEN ${n + 1}" for n in range(1, len(values), 2))
    text = f'"{column.column}"'
    keys: Sequence[Any] = list(reencrypted)
    await execute(
        f'UPDATE "{column.table}" SET {text} = CASE {text} {cases} ELSE {text} END '  # noqa: S608 - a plugin's names
        f'WHERE "{column.key}" IN ({placeholders(len(keys), len(values) + 1)})',
        *values,
        *keys,
    )


def _key_id(head: str) -> str:
    version, _, rest = head.partition(".")
    key_id, dot, _ = rest.partition(".")
    fits = version == VERSION and dot and len(key_id) == ID_CHARS
    return key_id if fits and not set(key_id) - set("0123456789abcdef") else ""
