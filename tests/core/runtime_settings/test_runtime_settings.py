"""Settings that are changed while the server runs."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from tests.database_templates import Templates

from portico.audit import TABLES as AUDIT
from portico.db import DatabaseSettings, fetch_all, open_database
from portico.encryption import Encryptor, make_key_ring
from portico.errors import InvalidRequest
from portico.events import EventBus
from portico.plugins.isolation import PluginIsolation
from portico.runtime_settings import TABLES, RuntimeSettings, SettingsStore
from portico.settings.schema import PluginSelection
from portico.settings.section import Secret, Section, setting
from portico.web.counters import Counters

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Garden(Section):
    """A section with fields of several types."""

    gate: Annotated[bool, setting("Open", env="GATE", runtime_key="garden.gate")] = False
    tree: Annotated[
        Literal["oak", "elm"], setting("Which", env="TREE", runtime_key="garden.tree")
    ] = "oak"
    rows: Annotated[int, setting("How many", ge=1, env="ROWS", runtime_key="garden.rows")] = 3
    wall: Annotated[bool, setting("Around it", env="WALL")] = True
    locks: Annotated[
        list[Secret], setting("What opens it", env="LOCKS", runtime_key="garden.locks")
    ] = []


@pytest.fixture
async def store(
    database_url: str, templates: Templates, tmp_path: Path
) -> AsyncIterator[SettingsStore]:
    templates.create(database_url, tmp_path, {"audit": AUDIT, "configuration": TABLES})
    database = open_database(DatabaseSettings(url=database_url, pool_size=4), tmp_path)
    await database.start()
    with database.use():
        keys = Encryptor(lambda: make_key_ring([Secret("key1" * 8)]))
        yield SettingsStore(
            EventBus(PluginIsolation(PluginSelection(), Counters()).deliver_event),
            encryptor=keys,
        )
    await database.stop()


async def test_stored_value_is_current(store: SettingsStore) -> None:
    runtime_settings = RuntimeSettings(store)
    garden = runtime_settings.add(Garden())
    assert await garden.current() == Garden()
    with pytest.raises(InvalidRequest, match="UNKNOWN"):
        await runtime_settings.change({"GATE": True, "UNKNOWN": 7}, "ada")
    await runtime_settings.change({"GATE": True, "TREE": "elm"}, "ada")
    assert await garden.current() == Garden(gate=True, tree="elm")
    assert garden.cached == Garden(gate=True, tree="elm")
    values = await runtime_settings.values()
    assert values == {"GATE": True, "TREE": "elm", "ROWS": 3, "LOCKS": []}
    assert runtime_settings.section(Garden) is garden


async def test_pinned_setting_cannot_be_changed(store: SettingsStore) -> None:
    runtime_settings = RuntimeSettings(store)
    garden = runtime_settings.add(Garden(gate=True), pinned={"gate", "wall"})
    with pytest.raises(InvalidRequest, match="GATE"):
        await runtime_settings.change({"GATE": False, "ROWS": 9}, "ada")
    assert await garden.current() == Garden(gate=True), "no part of it was stored"
    await runtime_settings.change({"GATE": True, "ROWS": 9}, "ada")
    assert await garden.current() == Garden(gate=True, rows=9)
    assert runtime_settings.pinned(await runtime_settings.values()) == ["GATE"]
    other = RuntimeSettings(store)
    free = other.add(Garden())
    assert await free.current() == Garden(rows=9), "nothing was stored for a pinned setting"


async def test_invalid_value_stores_nothing(store: SettingsStore) -> None:
    runtime_settings = RuntimeSettings(store)
    garden = runtime_settings.add(Garden())
    several: list[dict[str, Any]] = [{"TREE": "ash"}, {"ROWS": 0}, {"ROWS": "many"}, {"GATE": None}]
    for bad in several:
        with pytest.raises(InvalidRequest, match=next(iter(bad))):
            await runtime_settings.change({"GATE": True} | bad, "ada")
    assert await garden.current() == Garden()


async def test_only_changes_are_audited(store: SettingsStore) -> None:
    runtime_settings = RuntimeSettings(store)
    runtime_settings.add(Garden())
    await runtime_settings.change({"GATE": False, "ROWS": 3}, "ada")
    await runtime_settings.change({"GATE": True, "ROWS": 3}, "ada")
    found = await fetch_all("SELECT event, old, new FROM portico_audit")
    assert found == [{"event": "setting.changed", "old": '{"GATE":false}', "new": '{"GATE":true}'}]


async def test_invalid_stored_value_is_ignored(
    store: SettingsStore,
) -> None:
    await store.set({"settings.garden.rows": -1, "settings.garden.tree": "elm"}, "ada")
    garden = RuntimeSettings(store).add(Garden())
    assert await garden.current() == Garden(tree="elm")


async def test_setting_with_secrets_is_encrypted_and_masked_in_the_audit_log(
    store: SettingsStore,
) -> None:
    runtime_settings = RuntimeSettings(store)
    garden = runtime_settings.add(Garden())
    await runtime_settings.change({"LOCKS": ["open sesame"], "ROWS": 4}, "ada")
    assert (await garden.current()).locks == [Secret("open sesame")]
    await runtime_settings.change({"LOCKS": ["open sesame"]}, "ada")
    audit = await fetch_all("SELECT * FROM portico_audit")
    assert len(audit) == 1 and "LOCKS" in audit[0]["new"], "the same value is no change"
    rows = await fetch_all("SELECT * FROM portico_configuration")
    assert "sesame" not in f"{audit}{rows}"


async def test_pinned_setting_with_secrets_accepts_its_value_only(store: SettingsStore) -> None:
    runtime_settings = RuntimeSettings(store)
    runtime_settings.add(Garden(locks=[Secret("a")]), pinned={"locks"})
    await runtime_settings.change({"LOCKS": ["a"]}, "ada")
    with pytest.raises(InvalidRequest, match="LOCKS") as refusal:
        await runtime_settings.change({"LOCKS": ["bbbb"]}, "ada")
    assert "bbbb" not in refusal.value.detail


async def test_changes_that_depend_on_present_values_wait_for_each_other(
    store: SettingsStore,
) -> None:
    runtime_settings = RuntimeSettings(store)
    garden = runtime_settings.add(Garden())

    async def add_row() -> None:
        async with runtime_settings.locked(Garden):
            rows = (await garden.current()).rows
            await runtime_settings.change({"ROWS": rows + 1}, "ada")

    await asyncio.gather(*(add_row() for _ in range(5)))
    assert (await garden.current()).rows == 8
    with pytest.raises(InvalidRequest):
        async with runtime_settings.locked(Garden):
            await runtime_settings.change({"ROWS": 0}, "ada")
    assert (await garden.current()).rows == 8
