"""System prompts among messages."""

from typing import Any

import msgspec
import pytest

from portico_completions.prompts import (
    last_user_text,
    prepend_system,
    system_index,
    transcript,
    with_text,
    without_system,
)


def raws(*messages: Any) -> list[msgspec.Raw]:
    return [msgspec.Raw(msgspec.json.encode(message)) for message in messages]


def plain(messages: list[msgspec.Raw]) -> Any:
    return [msgspec.json.decode(message) for message in messages]


USER = {"role": "user", "content": "hi"}
PARTS = {
    "role": "user",
    "content": [{"type": "image_url", "image_url": {"url": "x"}}, {"type": "text", "text": "look"}],
}


def test_a_prompt_becomes_the_first_message_and_the_rest_stays_as_it_is() -> None:
    given = raws(USER)
    result = prepend_system(given, "Be brief.")
    assert plain(result) == [{"role": "system", "content": "Be brief."}, USER]
    assert result[1] is given[0]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("old", "new\nold"),
        ("", "new"),
        (None, "new"),
        ([{"type": "text", "text": "old"}], [{"type": "text", "text": "new\nold"}]),
        ([], [{"type": "text", "text": "new"}]),
    ],
)
def test_a_prompt_goes_in_front_of_the_one_that_is_there(content: Any, expected: Any) -> None:
    result = prepend_system(raws({"role": "system", "content": content, "name": "n"}, USER), "new")
    assert plain(result) == [{"role": "system", "content": expected, "name": "n"}, USER]


def test_the_first_system_message_is_found_wherever_it_is() -> None:
    assert system_index(raws(USER, {"role": "system", "content": "x"})) == 1
    assert system_index(raws(USER, {"role": "user", "content": "system"})) is None
    assert system_index(raws({"role": None}, {})) is None


def test_messages_from_above_can_be_taken_out() -> None:
    given = raws({"role": "system"}, USER, {"role": "developer"})
    assert plain(without_system(given)) == [USER]


def test_parts_that_are_not_text_are_left_alone() -> None:
    [changed] = plain([with_text(raws(PARTS)[0], str.upper)])
    assert changed["content"] == [PARTS["content"][0], {"type": "text", "text": "LOOK"}]


def test_a_conversation_is_lines_and_the_last_words_are_the_persons() -> None:
    given = raws({"role": "system", "content": "s"}, PARTS, {"role": "assistant", "content": None})
    assert transcript(given) == ["SYSTEM: s", "USER: look", "ASSISTANT: "]
    assert last_user_text(given) == "look"
    assert last_user_text([]) == ""
