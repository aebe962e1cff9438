"""Grams: whoever holds a phrase has them, in Python as in the database."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portico.db import current_database, fetch_all
from portico.testing import InProcessApp
from portico_chats.search.trigrams import GRAM, MOST, owner_prefix, query_for, trigrams


@given(
    before=st.text(max_size=20),
    phrase=st.text(min_size=1, max_size=300),
    after=st.text(max_size=20),
)
def test_a_text_that_holds_a_phrase_has_what_is_wanted(
    before: str, phrase: str, after: str
) -> None:
    grams, want = trigrams(before + phrase + after), query_for(phrase)
    assert set(want.grams) <= grams
    assert any(gram.startswith(want.begins) for gram in grams)
    assert len(want.grams) <= MOST
    assert bool(want.grams) != bool(want.begins)


@given(st.text(min_size=1, max_size=3 * MOST))
def test_of_a_phrase_that_is_not_long_every_character_is_wanted(phrase: str) -> None:
    want = query_for(phrase)
    assert set("".join(want.grams) or want.begins) == set(phrase)


def test_the_same_text_of_two_people_has_no_gram_in_common() -> None:
    assert owner_prefix("ann") != owner_prefix("bob")


@pytest.mark.parametrize(
    "text", ["a", "ab", "it's a \\ test\n", "東京へ行く", "e\u0301 %_ ß 🙂🙂", "'"]
)
def test_the_database_makes_the_same_grams(app: InProcessApp, text: str) -> None:
    async def made() -> set[str] | None:
        if current_database().dialect != "postgres":
            return None  # there it is Python that makes them
        found = await fetch_all("SELECT tsvector_to_array(chats_grams('ann', $1)) AS grams", text)
        return set(found[0]["grams"])

    grams = app.call(made)
    assert grams in (None, {owner_prefix("ann") + gram for gram in trigrams(text)})
    assert all(len(gram) == GRAM for gram in trigrams(text))
