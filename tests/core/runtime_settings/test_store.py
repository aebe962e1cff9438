"""Stored settings: cached reads, changes of all values or none, visible at once."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import structlog.testing
from tests.database_templates import Templates, started_database

from portico.db import (
    Database,
    execute,
    fetch_all,
    transaction,
)
from portico.encryption import Encryptor, make_key_ring, rotate
from portico.events import EventBus, Listener
from portico.runtime_settings import TABLES, RuntimeSettingsChanged, SettingsStore
from portico.settings.section import Secret

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def database(
    database_url: str, templates: Templates, tmp_path: Path
) -> AsyncIterator[Database]:
    async with started_database(
        templates, database_url, tmp_path, {"configuration": TABLES}
    ) as database:
        yield database


@pytest.fixture
def bus() -> EventBus:
    return EventBus(lambda owner, handle, event: handle(event))


@pytest.fixture
def store(database: Database, bus: EventBus) -> SettingsStore:
    """A store whose cached values do not expire during a test."""
    return SettingsStore(bus, ttl_seconds=3600)


VALUES: dict[str, Any] = {
    "a.yes": True, "a.no": False, "a.none": None, "a.number": 5, "a.text": "über\n", "a.list": [1, {"b": []}],
}  # fmt: skip


async def test_set_value_is_visible_at_once(store: SettingsStore) -> None:
    assert await store.get("a.") == {}
    assert await store.set(VALUES, "ada") == dict.fromkeys(VALUES)
    assert await store.get("a.") == VALUES
    assert await store.set({"a.yes": False, "a.number": 5}, "ada") == {"a.yes": True}
    assert await store.get() == VALUES | {"a.yes": False}


async def test_like_wildcards_in_prefix_are_literal(store: SettingsStore) -> None:
    await store.set({"a_b.c": 1, "axb.c": 2, "A_b.c": 3, "a%": 4, "a_b": 5}, "")
    assert await store.get("a_b.") == {"a_b.c": 1}
    assert await store.get("a%") == {"a%": 4}


async def test_row_has_author_and_unchanged_row_is_not_written(
    store: SettingsStore,
) -> None:
    await store.set({"a": 1, "b": 1}, "ada")
    await store.set({"a": 1, "b": 2}, "ben")
    found = await fetch_all(
        "SELECT name, value, updated_by FROM portico_configuration ORDER BY name"
    )
    assert [tuple(one.values()) for one in found] == [("a", "1", "ada"), ("b", "2", "ben")]


async def test_rolled_back_change_is_not_cached(store: SettingsStore, bus: EventBus) -> None:
    events: list[Any] = []
    bus.subscribe("test", [Listener(RuntimeSettingsChanged, events.append)])
    await store.set({"a": 1}, "")
    with pytest.raises(ZeroDivisionError):
        async with transaction():
            await store.set({"a": 2, "b": 2}, "")
            raise ZeroDivisionError
    assert await store.get() == {"a": 1}
    assert await store.set({"a": 1}, "") == {}
    assert events == [RuntimeSettingsChanged(("a",))]


async def test_change_of_other_instance_is_visible_after_ttl(
    database: Database, store: SettingsStore
) -> None:
    there, always = SettingsStore(EventBus(print), ttl_seconds=3600), SettingsStore(EventBus(print))
    assert await there.get() == await always.get() == {}
    await store.set({"a": 1}, "")
    assert await there.get() == {}
    assert await always.get() == {"a": 1}


async def test_damaged_value_is_ignored(store: SettingsStore) -> None:
    await store.set({"a": 1, "b": 2}, "")
    await execute("UPDATE portico_configuration SET value = '{' WHERE name = 'a'")
    assert await SettingsStore(EventBus(print)).get() == {"b": 2}
    assert await store.set({"a": 3}, "") == {"a": None}


async def test_concurrent_writes_of_many_values_are_all_stored(
    store: SettingsStore,
) -> None:
    names = [f"n{number:03}" for number in range(250)]
    puts = [
        store.set(dict.fromkeys(names[::step], author), str(author))
        for author, step in enumerate((1, -1, 1, -1))
    ]
    before = await asyncio.gather(*puts)
    found = await store.get("n")
    assert set(found) == set(names) and len(set(found.values())) == 1
    # One after the other: each found all values of the previous one.
    assert sorted(str(set(one.values())) for one in before)[-1] == "{None}"
    assert all(len(set(one.values())) == 1 for one in before)


def encryptor(text: str) -> Encryptor:
    return Encryptor(lambda: make_key_ring([Secret(text * 8)]))


async def test_secret_values_are_encrypted_at_rest(database: Database, bus: EventBus) -> None:
    store = SettingsStore(bus, encryptor=encryptor("key1"))
    await store.set({"keys": ["sk-1"], "plain": 1}, "ada", secret=["keys"])
    assert await store.get() == {"keys": ["sk-1"], "plain": 1}
    rows = {row["name"]: row for row in await fetch_all("SELECT * FROM portico_configuration")}
    assert "sk-1" not in str(rows)
    assert rows["keys"]["value"] == "" and rows["keys"]["encrypted"].startswith("v1.")
    assert rows["plain"]["encrypted"] == ""
    assert await store.set({"keys": ["sk-1"]}, "ada", secret=["keys"]) == {}, "it is the same"
    changed = await store.set({"keys": ["sk-2"]}, "ada", secret=["keys"])
    assert changed == {"keys": ["sk-1"]}
    assert await store.set({"keys": []}, "ada") == {"keys": ["sk-2"]}
    assert await store.get() == {"keys": [], "plain": 1}


async def test_value_of_another_key_or_another_name_is_left_out(
    database: Database, bus: EventBus
) -> None:
    store = SettingsStore(bus, encryptor=encryptor("key1"))
    await store.set({"keys": ["sk-1"], "others": ["sk-2"]}, "ada", secret=["keys", "others"])
    await execute(
        "UPDATE portico_configuration SET encrypted = (SELECT encrypted FROM portico_configuration "
        "WHERE name = 'keys') WHERE name = 'others'"
    )
    with structlog.testing.capture_logs() as logs:
        assert await store.get() == {"keys": ["sk-1"]}
        assert await SettingsStore(bus, encryptor=encryptor("key2")).get() == {}
        assert await store.get() == {"keys": ["sk-1"]}
    assert [log["setting"] for log in logs] == ["others", "keys"], "each once"
    assert "sk-1" not in str(logs)


async def test_secret_values_are_encrypted_again_with_another_key(
    database: Database, bus: EventBus
) -> None:
    old, new = Secret("key1" * 8), Secret("key2" * 8)
    await SettingsStore(bus, encryptor=encryptor("key1")).set({"keys": ["sk-1"]}, "", ["keys"])
    done = await rotate(Encryptor(lambda: make_key_ring([new, old])), TABLES.encrypted_columns)
    assert (done.reencrypted, done.undecryptable) == (1, {})
    assert await SettingsStore(bus, encryptor=encryptor("key2")).get() == {"keys": ["sk-1"]}
