"""Conversion of a provider's list to model cards."""

from typing import Any

import pytest
from tests.one_database import database_url  # noqa: F401 - a fixture
from tests.plugins.openai.requests import settings

from portico_openai.connection import connections
from portico_openai.model_list import cards, read_listing


def listed(models: list[Any], url: str = "http://x/v1", **options: Any) -> Any:
    return cards(connections(settings(url, options=options or {"name": ""}))[0], models)


def test_card_has_the_keys_clients_know() -> None:
    [card] = listed(
        [{"id": "m", "object": "model", "created": 5, "owned_by": "them", "context": 9}],
        tags=[{"name": "a"}],
        connection_type="local",
    )
    assert (card.id, card.name, card.owned_by, card.created) == ("m", "m", "openai", 5)
    assert card.connection_type == "local" and card.tags == ["a"] and not card.public
    assert card.details["urlIdx"] == 0
    assert card.details["context"] == 9
    assert card.details["openai"]["owned_by"] == "them"
    assert card.details["openai"]["connection_type"] == "local"


def test_models_of_openai_that_cannot_chat_are_skipped() -> None:
    models = [
        {"id": name} for name in ("gpt-4o", "whisper-1", "tts-1", "text-embedding-3", "dall-e-3")
    ]
    assert [card.id for card in listed(models, "https://api.openai.com/v1")] == ["gpt-4o"]
    assert len(listed(models)) == 5


@pytest.mark.parametrize("model", [{}, {"id": None}, {"id": ""}, {"id": 7}, {"id": "x" * 257}])
def test_models_without_usable_id_are_skipped(model: Any) -> None:
    assert listed([model, {"id": "m", "created": "yesterday", "name": 7}])[0].id == "m"


def test_provider_cannot_set_reserved_keys() -> None:
    [card] = listed([{"id": "m", "info": {"access_control": None}, "arena": True, "urlIdx": 9}])
    assert set(card.details) == {"openai", "urlIdx"} and card.details["urlIdx"] == 0


@pytest.mark.case("FT-21")
@pytest.mark.parametrize(
    "body", [b"", b"null", b"{}", b'{"data":null}', b'{"data":{}}', b"7", b"<a>", b"\xff"]
)
def test_invalid_listing_is_rejected(body: bytes) -> None:
    with pytest.raises(ValueError, match="list|JSON|value"):
        read_listing(body)


def test_plain_list_is_a_listing() -> None:
    assert read_listing(b' [{"id":"m"}]') == [{"id": "m"}]


@pytest.mark.case("FT-21")
@pytest.mark.parametrize(
    "odd", [b"null", b"7", b'"m"', b"[]", b'{"id":null}', b'{"id":"\\ud83d"}', b'{"id":{}}', b'{"name":"\xff"}']
)  # fmt: skip
def test_odd_entry_does_not_hide_the_others(odd: bytes) -> None:
    body = (
        b'\xef\xbb\xbf{"object":null,"data":[{"id":"first"},%b,{"id":"last","created":1.5}]}' % odd
    )
    ids = [card.id for card in listed(read_listing(body))]
    assert (ids[0], ids[-1]) == ("first", "last")
