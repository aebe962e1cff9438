"""Parsing of search queries."""

import pytest

from portico.errors import InvalidRequest
from portico_chats.search.query_parser import SearchQuery, parse
from portico_chats.storage.indexed_texts import MAX_PHRASE_CHARS, PIECE_CHARS, split_text


def test_words_are_folded_and_joined_by_single_spaces() -> None:
    assert parse("  Trip   TO\u3000Paris ") == SearchQuery(phrase="trip to paris")
    assert parse("ＴＲＩＰ ﬁn Straße") == SearchQuery(phrase="trip fin strasse")


def test_operators_are_removed_at_any_position() -> None:
    sought = parse(
        "trip tag:travel Folder:My_Work pinned:true to TAG:food archived:true shared:false paris"
    )
    assert sought == SearchQuery(
        phrase="trip to paris",
        tags=("travel", "food"),
        folders=("my work", "my_work"),
        pinned=True,
        archived=True,
        shared=False,
    )


def test_tag_none_selects_untagged_chats() -> None:
    assert parse("tag:none") == SearchQuery(untagged=True)


@pytest.mark.parametrize(
    "text", ["", "   ", "tag:", "tag:\u3000folder:", "pinned:maybe", "shared:", "\0"]
)
def test_incomplete_operators_are_ignored(text: str) -> None:
    assert parse(text) == SearchQuery()


def test_operator_lookalikes_are_words() -> None:
    assert parse("tags:x https://a.b key: :x") == SearchQuery(phrase="tags:x https://a.b key: :x")


@pytest.mark.parametrize(
    "text", ["%" * 5000, "_" * 5000, "tag:" * 10_000, "a" * 1_000_000, "(a+)+$" * 200]
)
@pytest.mark.case("AB-59")
def test_too_long_query_is_refused_with_field_name(text: str) -> None:
    with pytest.raises(InvalidRequest, match="^text: "):
        parse(text)


def test_phrase_length_counts_folded_characters() -> None:
    assert parse("x" * MAX_PHRASE_CHARS).phrase == "x" * MAX_PHRASE_CHARS
    with pytest.raises(InvalidRequest, match="^text: "):
        parse("\ufdfa" * 100)


def test_lone_surrogate_is_refused_with_field_name() -> None:
    with pytest.raises(InvalidRequest, match="^text: "):
        parse("a\ud800")


@pytest.mark.parametrize(
    "length",
    [1, MAX_PHRASE_CHARS, PIECE_CHARS - 1, PIECE_CHARS, PIECE_CHARS + 1, 5 * PIECE_CHARS, 54_321],
)
def test_longest_phrase_is_whole_in_one_piece(length: int) -> None:
    text = "".join(chr(0x4E00 + n % 20_000) for n in range(length))
    cut = list(split_text(text))
    assert max(map(len, cut)) <= PIECE_CHARS
    for start in range(max(1, length - MAX_PHRASE_CHARS + 1)):
        phrase = text[start : start + MAX_PHRASE_CHARS]
        assert any(phrase in piece for piece in cut)
