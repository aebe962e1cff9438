"""The history of settings: what was before each change, and how changes are undone."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any

import pytest
from tests.database_templates import Templates, started_database

from portico.audit import TABLES as AUDIT
from portico.db import execute, fetch_all
from portico.encryption import Encryptor, make_key_ring, rotate
from portico.errors import InvalidRequest, NotFound
from portico.events import EventBus
from portico.identity.tables import TABLES as IDENTITY
from portico.runtime_settings import TABLES, RuntimeSettings, SettingsChanges, SettingsStore
from portico.settings.section import Secret, Section, setting

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Gate(Section):
    """A section with a secret."""

    width: Annotated[int, setting("How wide", ge=1, env="WIDTH", runtime_key="gate.width")] = 3
    label: Annotated[str, setting("Which", env="LABEL", runtime_key="gate.label")] = "north"
    locks: Annotated[
        list[Secret], setting("What opens it", env="LOCKS", runtime_key="gate.locks")
    ] = []


KEY = Secret("key1" * 8)


@pytest.fixture
async def store(
    database_url: str, templates: Templates, tmp_path: Path
) -> AsyncIterator[SettingsStore]:
    tables = {"identity": IDENTITY, "audit": AUDIT, "configuration": TABLES}
    async with started_database(templates, database_url, tmp_path, tables):
        yield SettingsStore(EventBus(print), 0, Encryptor(lambda: make_key_ring([KEY])))


@pytest.fixture
def settings(store: SettingsStore) -> RuntimeSettings:
    settings = RuntimeSettings(store)
    settings.add(Gate())
    return settings


@pytest.fixture
def changes(settings: RuntimeSettings, store: SettingsStore) -> SettingsChanges:
    return SettingsChanges(settings, store)


async def versions(settings: RuntimeSettings) -> dict[str, int]:
    return {one.variable: one.version for one in await settings.states()}


async def test_each_change_is_listed_with_author_and_earlier_values(
    settings: RuntimeSettings, changes: SettingsChanges
) -> None:
    await settings.change({"WIDTH": 4, "LABEL": "south"}, "ada")
    await settings.change({"WIDTH": 5, "LABEL": "south"}, "ben")
    second, first = await changes.page()
    assert (first.author, second.author) == ("ada", "ben")
    assert {(one.variable, one.was_stored, one.old) for one in first.settings} == {
        ("WIDTH", False, None),
        ("LABEL", False, None),
    }
    assert [(one.key, one.was_stored, one.old) for one in second.settings] == [
        ("gate.width", True, 4)
    ]
    found = await versions(settings)
    assert found == {"WIDTH": second.number, "LABEL": first.number, "LOCKS": 0}
    assert [one.number for one in await changes.page(setting="LABEL")] == [first.number]
    assert [one.number for one in await changes.page(setting="gate.width")] == [
        second.number,
        first.number,
    ]
    assert [one.number for one in await changes.page(before=second.number)] == [first.number]


async def test_undone_change_is_a_change_that_can_be_undone(
    settings: RuntimeSettings, changes: SettingsChanges
) -> None:
    await settings.change({"WIDTH": 4, "LABEL": "south"}, "ada")
    first = (await changes.page())[0].number
    await changes.undo(first, "ben")
    assert await settings.values() == {"WIDTH": 3, "LABEL": "north", "LOCKS": []}
    assert await settings.stored_values() == {}
    with pytest.raises(InvalidRequest, match=r"(LABEL|WIDTH).*Undo that one first"):
        await changes.undo(first, "ben")
    await changes.undo((await changes.page())[0].number, "ada", setting="WIDTH")
    assert await settings.values() == {"WIDTH": 4, "LABEL": "north", "LOCKS": []}
    with pytest.raises(NotFound):
        await changes.undo(10_000, "ada")
    audit = await fetch_all("SELECT old, new FROM portico_audit ORDER BY number")
    assert audit[1] == {
        "old": '{"LABEL":"south","WIDTH":4}',
        "new": '{"LABEL":"north","WIDTH":3}',
    }


async def test_earlier_secrets_are_encrypted_masked_and_restored(
    settings: RuntimeSettings, changes: SettingsChanges
) -> None:
    await settings.change({"LOCKS": ["open sesame"]}, "ada")
    await settings.change({"LOCKS": []}, "ada")
    newest = (await changes.page())[0]
    assert newest.settings[0].old == ["********"]
    rows = await fetch_all("SELECT * FROM portico_configuration_history")
    assert "sesame" not in str(rows)
    other = Encryptor(lambda: make_key_ring([Secret("key2" * 8), KEY]))
    assert (await rotate(other, TABLES.encrypted_columns)).reencrypted == 2
    keyless = SettingsStore(EventBus(print), 0, Encryptor(lambda: make_key_ring([KEY])))
    lost = SettingsChanges(settings, keyless)
    with pytest.raises(InvalidRequest, match=r"LOCKS.*decrypted"):
        await lost.undo(newest.number, "ada")
    readable = SettingsStore(EventBus(print), 0, other)
    again = RuntimeSettings(readable)
    again.add(Gate())
    await SettingsChanges(again, readable).undo(newest.number, "ada")
    assert (await again.values())["LOCKS"] == [Secret("open sesame")]


async def test_pinned_and_invalid_earlier_values_are_not_restored(
    settings: RuntimeSettings, store: SettingsStore, changes: SettingsChanges
) -> None:
    await settings.change({"WIDTH": 4}, "ada")
    await settings.change({"WIDTH": 5}, "ada")
    newest, first = await changes.page()
    pinned = RuntimeSettings(store)
    pinned.add(Gate(width=9), pinned={"width"})
    with pytest.raises(InvalidRequest, match="WIDTH.*environment"):
        await SettingsChanges(pinned, store).undo(newest.number, "ada")
    await execute("UPDATE portico_configuration_history SET value = '0'")
    with pytest.raises(InvalidRequest, match="WIDTH: expected"):
        await changes.undo(newest.number, "ada")
    assert (await settings.values())["WIDTH"] == 5
    assert first.number < newest.number


async def test_change_with_an_outdated_version_is_refused(settings: RuntimeSettings) -> None:
    seen = await versions(settings)
    results = await asyncio.gather(
        *(settings.change({"WIDTH": width}, "ada", {"WIDTH": seen["WIDTH"]}) for width in (7, 8)),
        return_exceptions=True,
    )
    assert [type(one) for one in results if one is not None] == [InvalidRequest]
    stored = (await settings.values())["WIDTH"]
    with pytest.raises(InvalidRequest, match=r"WIDTH.*meanwhile"):
        await settings.change({"WIDTH": 9, "LABEL": "x"}, "ada", {"WIDTH": 0})
    assert (await settings.values())["WIDTH"] == stored
    await settings.change({"WIDTH": 9}, "ada", {"WIDTH": (await versions(settings))["WIDTH"]})
    assert (await settings.values())["WIDTH"] == 9


async def test_history_of_a_setting_is_bounded(
    settings: RuntimeSettings, store: SettingsStore, changes: SettingsChanges
) -> None:
    await settings.change({"LABEL": "kept"}, "ada")
    for number in range(105):
        await store.set({"settings.gate.width": number + 10}, "ada")
    kept = await fetch_all("SELECT name FROM portico_configuration_history")
    names = [row["name"] for row in kept]
    assert names.count("settings.gate.width") == 100
    assert names.count("settings.gate.label") == 1
    assert len(await changes.page()) == 50


async def test_change_is_compared_with_what_is_stored_now(store: SettingsStore) -> None:
    """An instance that has not learnt of another one's change yet must not skip what restores the earlier value."""
    here = SettingsStore(EventBus(print), ttl_seconds=3600)
    settings = RuntimeSettings(here)
    settings.add(Gate())
    assert (await settings.values())["WIDTH"] == 3
    await store.set({"settings.gate.width": 8}, "ben")
    await settings.change({"WIDTH": 3}, "ada")
    assert await store.get("settings.gate.width") == {"settings.gate.width": 3}


async def test_values_of_a_change_that_is_rolled_back_are_not_cached(store: SettingsStore) -> None:
    here = SettingsStore(EventBus(print), ttl_seconds=3600)
    settings = RuntimeSettings(here)
    gate = settings.add(Gate())
    values: list[Any] = []
    with pytest.raises(ZeroDivisionError):
        async with settings.locked(Gate):
            await settings.change({"WIDTH": 8}, "ada")
            values += [(await gate.current()).width, (await settings.values())["WIDTH"]]
            raise ZeroDivisionError
    assert values == [8, 8]
    assert (gate.cached.width, (await gate.current()).width) == (3, 3)
    assert (await settings.values())["WIDTH"] == 3


async def test_values_read_before_a_change_do_not_replace_newer_ones(
    store: SettingsStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    bus = EventBus(lambda owner, handle, event: handle(event))
    here = SettingsStore(bus, ttl_seconds=3600)
    gate = RuntimeSettings(here).add(Gate())
    is_read, may_go = asyncio.Event(), asyncio.Event()
    read = here._read

    async def slow_read(prefix: str) -> Any:
        found = await read(prefix)
        if not may_go.is_set():
            is_read.set()
            await may_go.wait()
        return found

    monkeypatch.setattr(here, "_read", slow_read)
    early = asyncio.create_task(gate.current())
    await is_read.wait()
    may_go_soon = asyncio.create_task(here.set({"settings.gate.width": 8}, "ada"))
    await may_go_soon
    may_go.set()
    assert (await early).width == 8
    assert gate.cached.width == 8
