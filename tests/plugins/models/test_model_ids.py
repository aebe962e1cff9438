"""Ids that users could confuse."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portico.normalization import normalized_id
from portico_models.fields.model_ids import is_allowed


@pytest.mark.case("AB-35")
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
def test_ids_that_look_alike_are_equal_when_normalized(one: str, other: str) -> None:
    assert normalized_id(one) == normalized_id(other)


@pytest.mark.case("AB-35")
@given(st.text(max_size=20))
def test_normalized_id_is_idempotent(text: str) -> None:
    assert normalized_id(normalized_id(text)) == normalized_id(text)


@pytest.mark.case("AB-41")
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=300))
def test_allowed_id_can_be_stored_and_is_visible(text: str) -> None:
    if is_allowed(text):
        assert 0 < len(text) <= 256
        assert "\x00" not in text
        assert text.encode()
