"""Settings that are changed while the house runs."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from tests.database_templates import Templates

from portico.audit import TABLES as AUDIT
from portico.db import DatabaseSettings, fetch_all, open_database
from portico.errors import InvalidRequest
from portico.events import EventBus
from portico.plugins import isolation
from portico.runtime_settings import TABLES, RuntimeSettings, SettingsStore
from portico.settings.section import Section, setting

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Garden(Section):
    """A section with something of everything."""

    gate: Annotated[bool, setting("Open", env="GATE", runtime_key="garden.gate")] = False
    tree: Annotated[
        Literal["oak", "elm"], setting("Which", env="TREE", runtime_key="garden.tree")
    ] = "oak"
    rows: Annotated[int, setting("How many", ge=1, env="ROWS", runtime_key="garden.rows")] = 3
    wall: Annotated[bool, setting("Around it", env="WALL")] = True


@pytest.fixture
async def configuration(
    database_url: str, templates: Templates, tmp_path: Path
) -> AsyncIterator[SettingsStore]:
    templates.lay(database_url, tmp_path, {"audit": AUDIT, "configuration": TABLES})
    database = open_database(DatabaseSettings(url=database_url, pool_size=4), tmp_path)
    await database.start()
    with database.use():
        yield SettingsStore(EventBus(isolation.deliver_event))
    await database.stop()


async def test_stored_value_is_current(configuration: SettingsStore) -> None:
    adjustments = RuntimeSettings(configuration)
    garden = adjustments.of(Garden())
    assert await garden.current() == Garden()
    with pytest.raises(InvalidRequest, match="UNKNOWN"):
        await adjustments.change({"GATE": True, "UNKNOWN": 7}, "ada")
    await adjustments.change({"GATE": True, "TREE": "elm"}, "ada")
    assert await garden.current() == Garden(gate=True, tree="elm")
    assert garden.cached == Garden(gate=True, tree="elm")
    assert await adjustments.values() == {"GATE": True, "TREE": "elm", "ROWS": 3}
    assert adjustments.of(Garden()) is garden


async def test_pinned_setting_cannot_be_changed(configuration: SettingsStore) -> None:
    adjustments = RuntimeSettings(configuration)
    garden = adjustments.add(Garden(gate=True), pinned={"gate", "wall"})
    with pytest.raises(InvalidRequest, match="GATE"):
        await adjustments.change({"GATE": False, "ROWS": 9}, "ada")
    assert await garden.current() == Garden(gate=True), "nothing of it was stored"
    await adjustments.change({"GATE": True, "ROWS": 9}, "ada")
    assert await garden.current() == Garden(gate=True, rows=9)
    assert adjustments.pinned() == ["GATE"]
    other = RuntimeSettings(configuration)
    free = other.add(Garden())
    assert await free.current() == Garden(rows=9), "nothing was stored for what is pinned"


async def test_invalid_value_stores_nothing(configuration: SettingsStore) -> None:
    adjustments = RuntimeSettings(configuration)
    garden = adjustments.add(Garden())
    several: list[dict[str, Any]] = [{"TREE": "ash"}, {"ROWS": 0}, {"ROWS": "many"}, {"GATE": None}]
    for bad in several:
        with pytest.raises(InvalidRequest, match=next(iter(bad))):
            await adjustments.change({"GATE": True} | bad, "ada")
    assert await garden.current() == Garden()


async def test_only_changes_are_audited(configuration: SettingsStore) -> None:
    adjustments = RuntimeSettings(configuration)
    adjustments.add(Garden())
    await adjustments.change({"GATE": False, "ROWS": 3}, "ada")
    await adjustments.change({"GATE": True, "ROWS": 3}, "ada")
    found = await fetch_all("SELECT what, was, became FROM portico_audit")
    assert found == [
        {"what": "settings.changed", "was": '{"GATE":false}', "became": '{"GATE":true}'}
    ]


async def test_invalid_stored_value_is_ignored(
    configuration: SettingsStore,
) -> None:
    await configuration.set({"settings.garden.rows": -1, "settings.garden.tree": "elm"}, "ada")
    garden = RuntimeSettings(configuration).add(Garden())
    assert await garden.current() == Garden(tree="elm")
