"""What the workspace's records make of what sources offer."""

import asyncio
import json
from typing import Any

import pytest
from tests.core.catalogue.factories import Source, World, card, record

from portico.catalogue import MAX_CHAIN_LENGTH


def entries(*models: Any, records: Any = ()) -> dict[str, dict[str, Any]]:
    async def listed() -> Any:
        return await World(Source("one", *models), records=records).entries()

    return {entry["id"]: entry for entry in asyncio.run(listed())}


def test_an_entry_has_the_keys_of_the_contract_in_their_order() -> None:
    mine = card(
        "gpt-4o", created=1, details={"openai": {"id": "gpt-4o"}, "urlIdx": 0}, tags=["Lab"]
    )
    override = record(
        "gpt-4o",
        name="GPT-4o",
        params={"system": "secret"},
        meta={
            "profile_image_url": "data:image/png;base64,AA",
            "description": None,
            "tags": [{"name": "Lex"}],
        },
    )
    entry = entries(mine, records=[override])["gpt-4o"]
    assert json.dumps(entry) == json.dumps(
        {
            "id": "gpt-4o",
            "object": "model",
            "created": 1,
            "owned_by": "openai",
            "name": "GPT-4o",
            "connection_type": "external",
            "openai": {"id": "gpt-4o"},
            "urlIdx": 0,
            "info": {
                "id": "gpt-4o",
                "user_id": "ann",
                "base_model_id": None,
                "name": "GPT-4o",
                "meta": {"description": None, "tags": [{"name": "Lex"}]},
                "access_control": None,
                "is_active": True,
                "updated_at": 2,
                "created_at": 1,
            },
            "actions": [],
            "filters": [],
            "tags": [{"name": "Lab"}, {"name": "Lex"}],
        }
    )


def test_preset_is_appended_with_details_of_its_base() -> None:
    base = card(
        "a",
        owned_by="ollama",
        connection_type="local",
        details={"ollama": {}, "pipe": {"type": "x"}},
    )
    entry = entries(base, records=[record("desk", "a", name="Desk")])["desk"]
    assert (entry["owned_by"], entry["connection_type"], entry["pipe"]) == (
        "ollama",
        "local",
        {"type": "x"},
    )
    assert entry["preset"] is True and entry["created"] == 1
    assert entry["info"]["base_model_id"] == "a"
    assert "ollama" not in entry and "urlIdx" not in entry


def test_presets_without_a_base_are_left_out() -> None:
    records = [
        record("on-nothing", "nowhere"),
        record("hidden", active=False),
        record("on-hidden", "hidden"),
        record("off", "a", active=False),
        record("on-off", "off"),
        record("fine", "a"),
    ]
    assert list(entries("a", "hidden", records=records)) == ["a", "fine"]


def test_cycles_and_long_chains_are_left_out() -> None:
    ring = [record("x", "y"), record("y", "x"), record("self", "self")]
    chain = [record(f"p{n}", f"p{n - 1}" if n else "a") for n in range(MAX_CHAIN_LENGTH + 4)]
    for records in (chain, chain[::-1]):
        assert set(entries("a", records=[*ring, *records])) == {
            "a",
            *(f"p{n}" for n in range(MAX_CHAIN_LENGTH)),
        }


@pytest.mark.case("AB-35")
def test_preset_cannot_have_the_id_of_a_source_model() -> None:
    records = [record("a", "b"), record("hidden", active=False), record("hidden", "b", active=True)]
    found = entries("a", "b", "hidden", records=records[:1])
    assert "preset" not in found["a"] and "info" not in found["a"]


def test_ollama_model_is_found_without_its_tag() -> None:
    llama, other = card("llama3:8b", owned_by="ollama"), card("x:y")
    records = [
        record("llama3", name="Llama"),
        record("x", name="X"),
        record("desk", "llama3"),
        record("no", "x"),
    ]
    found = entries(llama, other, records=records)
    assert found["llama3:8b"]["name"] == "Llama"
    assert found["x:y"]["name"] == "x:y"
    assert list(found) == ["llama3:8b", "x:y", "desk"]


@pytest.mark.parametrize(
    "meta", [None, [], 7, {"tags": None}, {"tags": ["a"]}, {"tags": [{"name": 7}, {}]}]
)
def test_invalid_record_documents_are_ignored(meta: Any) -> None:
    assert entries("a", records=[record("a", meta=meta, params=meta)])["a"]["tags"] == []
