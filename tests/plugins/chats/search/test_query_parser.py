"""What is typed into the search field, taken apart."""

import pytest

from portico.errors import InvalidRequest
from portico_chats.search.query_parser import SearchQuery, parse
from portico_chats.storage.indexed_texts import LONGEST, PIECE, split_text


def test_words_are_folded_and_joined_by_single_spaces() -> None:
    assert parse("  Trip   TO\u3000Paris ") == SearchQuery(phrase="trip to paris")
    assert parse("ＴＲＩＰ ﬁn Straße") == SearchQuery(phrase="trip fin strasse")


def test_operators_are_taken_out_wherever_they_stand() -> None:
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


def test_no_tags_is_asked_for_by_a_name_that_no_tag_has() -> None:
    assert parse("tag:none") == SearchQuery(untagged=True)


@pytest.mark.parametrize(
    "text", ["", "   ", "tag:", "tag:\u3000folder:", "pinned:maybe", "shared:", "\0"]
)
def test_what_is_being_typed_means_nothing_yet(text: str) -> None:
    assert parse(text) == SearchQuery()


def test_words_that_only_look_like_operators_are_words() -> None:
    assert parse("tags:x https://a.b key: :x") == SearchQuery(phrase="tags:x https://a.b key: :x")


@pytest.mark.parametrize(
    "text", ["%" * 5000, "_" * 5000, "tag:" * 10_000, "a" * 1_000_000, "(a+)+$" * 200]
)
def test_AB_59_a_text_that_is_too_long_is_refused_by_name(text: str) -> None:
    with pytest.raises(InvalidRequest, match="^text: "):
        parse(text)


def test_a_character_that_unfolds_counts_as_what_it_unfolds_to() -> None:
    assert parse("x" * LONGEST).phrase == "x" * LONGEST
    with pytest.raises(InvalidRequest, match="^text: "):
        parse("\ufdfa" * 100)


def test_half_a_surrogate_pair_is_refused_by_name() -> None:
    with pytest.raises(InvalidRequest, match="^text: "):
        parse("a\ud800")


@pytest.mark.parametrize("length", [1, LONGEST, PIECE - 1, PIECE, PIECE + 1, 5 * PIECE, 54_321])
def test_the_longest_phrase_lies_whole_in_some_piece(length: int) -> None:
    text = "".join(chr(0x4E00 + n % 20_000) for n in range(length))
    cut = list(split_text(text))
    assert max(map(len, cut)) <= PIECE
    for start in range(max(1, length - LONGEST + 1)):
        phrase = text[start : start + LONGEST]
        assert any(phrase in piece for piece in cut)
