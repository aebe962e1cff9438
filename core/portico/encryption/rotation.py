"""Walking what is locked: how much of it is under which key, and locking it again with the one in use now."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from portico.db import EncryptedColumn, execute, fetch_all, fetch_all_in_thread, placeholders
from portico.encryption.encryptor import HEAD_LENGTH, VERSION, DecryptionError, Encryptor
from portico.encryption.key_ring import ID_LENGTH

#: Texts that are read, and written in one statement.
BLOCK: Final = 100


@dataclass(frozen=True, slots=True)
class KeyUsage:
    """How many texts of a column are under one key. `key_id`: empty for what the vault did not lock."""

    column: EncryptedColumn
    key_id: str
    count: int


@dataclass(slots=True)
class Rotation:
    """What came of it. `unreadable`: texts that stay as they are, by column."""

    reencrypted: int = 0
    undecryptable: dict[str, int] = field(default_factory=dict)


async def key_usage(columns: Iterable[EncryptedColumn]) -> list[KeyUsage]:
    """What is locked, by column and key."""
    found = []
    for column in columns:
        text = f'"{column.column}"'
        counted: dict[str, int] = {}
        for group in await fetch_all_in_thread(
            f"SELECT substr({text}, 1, {HEAD_LENGTH}) AS head, count(*) AS count "  # noqa: S608 - a plugin's names
            f"FROM \"{column.table}\" WHERE {text} <> '' GROUP BY 1"
        ):
            key_id = _key_id(group["head"])
            counted[key_id] = counted.get(key_id, 0) + group["count"]
        found += [KeyUsage(column, key_id, count) for key_id, count in sorted(counted.items())]
    return found


async def rotate(
    vault: Encryptor,
    columns: Iterable[EncryptedColumn],
    on_block: Callable[[int], object] = lambda _: None,
) -> Rotation:
    """Lock again whatever is not under the key in use.

    Each block is written by one statement that passes over what somebody else has changed meanwhile, so it can run while
    others serve, be stopped at any moment and be started again. `on_block`: called with the texts looked at.
    """
    done = Rotation()
    for column in columns:
        async for block in _blocks(vault, column):
            relocked = {}
            for key, locked in block:
                about = column.context_for(key)
                try:
                    relocked[key] = locked, vault.encrypt(vault.decrypt(locked, about), about)
                except DecryptionError:
                    done.undecryptable[str(column)] = done.undecryptable.get(str(column), 0) + 1
            await _replace_values(column, relocked)
            done.reencrypted += len(relocked)
            on_block(len(block))
    return done


async def _blocks(vault: Encryptor, column: EncryptedColumn) -> Any:
    """Pairs of key and text that are not under the key in use, in the order of the keys."""
    key, text = f'"{column.key}"', f'"{column.column}"'
    select = (
        f'SELECT {key} AS key, {text} AS locked FROM "{column.table}" '  # noqa: S608 - a plugin's names
        f"WHERE {text} <> '' AND substr({text}, 1, {HEAD_LENGTH}) <> $1"
    )
    end = f" ORDER BY {key} LIMIT {BLOCK}"
    found = await fetch_all(select + end, vault.current_prefix)
    while found:
        yield [(one["key"], one["locked"]) for one in found]
        found = await fetch_all(
            f"{select} AND {key} > $2{end}", vault.current_prefix, found[-1]["key"]
        )


async def _replace_values(column: EncryptedColumn, relocked: dict[Any, tuple[str, str]]) -> None:
    """Put the new texts in the places of the old ones; no two locked texts are ever the same."""
    if not relocked:
        return
    values: list[Any] = [text for pair in relocked.values() for text in pair]
    cases = " ".join(f"WHEN ${n} THEN ${n + 1}" for n in range(1, len(values), 2))
    text = f'"{column.column}"'
    keys: Sequence[Any] = list(relocked)
    await execute(
        f'UPDATE "{column.table}" SET {text} = CASE {text} {cases} ELSE {text} END '  # noqa: S608 - a plugin's names
        f'WHERE "{column.key}" IN ({placeholders(len(keys), len(values) + 1)})',
        *values,
        *keys,
    )


def _key_id(head: str) -> str:
    version, _, rest = head.partition(".")
    key_id, dot, _ = rest.partition(".")
    fits = version == VERSION and dot and len(key_id) == ID_LENGTH
    return key_id if fits and not set(key_id) - set("0123456789abcdef") else ""
