"""Which ids a person could confuse."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portico_models.model_ids import is_allowed, normalized_id


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("GPT-4o", "gpt-4o"),
        ("gpt-4o\u00a0", "gpt-4o"),
        ("ｇｐｔ-4o", "gpt-4o"),
        ("e\u0301", "é"),
        ("a\u200db", "ab"),
        ("STRASSE", "straße"),
    ],
)
def test_AB_35_ids_that_look_alike_are_alike(one: str, other: str) -> None:
    assert normalized_id(one) == normalized_id(other)


@given(st.text(max_size=20))
def test_AB_35_a_likeness_is_its_own_likeness(text: str) -> None:
    assert normalized_id(normalized_id(text)) == normalized_id(text)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=300))
def test_AB_41_an_id_that_is_allowed_can_be_stored_and_seen(text: str) -> None:
    if is_allowed(text):
        assert 0 < len(text) <= 256
        assert "\x00" not in text
        assert text.encode()
