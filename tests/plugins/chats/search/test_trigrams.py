"""Trigrams: a text with a phrase has the phrase's trigrams, in Python as in the database."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portico.db import current_database, fetch_all
from portico.testing import InProcessApp
from portico_chats.search.trigrams import (
    MAX_LOOKUPS,
    TRIGRAM_CHARS,
    owner_prefix,
    query_for,
    trigrams,
)


@given(
    before=st.text(max_size=20),
    phrase=st.text(min_size=1, max_size=300),
    after=st.text(max_size=20),
)
def test_text_with_phrase_matches_its_trigram_query(before: str, phrase: str, after: str) -> None:
    grams, want = trigrams(before + phrase + after), query_for(phrase)
    assert set(want.trigrams) <= grams
    assert any(gram.startswith(want.prefix) for gram in grams)
    assert len(want.trigrams) <= MAX_LOOKUPS
    assert bool(want.trigrams) != bool(want.prefix)


@given(st.text(min_size=1, max_size=3 * MAX_LOOKUPS))
def test_short_phrase_query_covers_every_character(phrase: str) -> None:
    want = query_for(phrase)
    assert set("".join(want.trigrams) or want.prefix) == set(phrase)


def test_trigrams_of_two_owners_differ() -> None:
    assert owner_prefix("ann") != owner_prefix("bob")


@pytest.mark.parametrize(
    "text", ["a", "ab", "it's a \\ test\n", "東京へ行く", "e\u0301 %_ ß 🙂🙂", "'"]
)
def test_database_makes_same_trigrams(app: InProcessApp, text: str) -> None:
    async def made() -> set[str] | None:
        if current_database().dialect != "postgres":
            return None  # there Python makes them
        found = await fetch_all("SELECT tsvector_to_array(chats_grams('ann', $1)) AS grams", text)
        return set(found[0]["grams"])

    grams = app.run(made)
    assert grams in (None, {owner_prefix("ann") + gram for gram in trigrams(text)})
    assert all(len(gram) == TRIGRAM_CHARS for gram in trigrams(text))
