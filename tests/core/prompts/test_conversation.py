"""Roles, texts and system prompts of messages."""

from typing import Any

import msgspec
import pytest

from portico.prompts import (
    has_system,
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


def test_prompt_becomes_first_message() -> None:
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
def test_prompt_is_prepended_to_existing_system_message(content: Any, expected: Any) -> None:
    result = prepend_system(raws({"role": "system", "content": content, "name": "n"}, USER), "new")
    assert plain(result) == [{"role": "system", "content": expected, "name": "n"}, USER]


def test_first_system_message_is_found_at_any_position() -> None:
    assert system_index(raws(USER, {"role": "system", "content": "x"})) == 1
    assert system_index(raws(USER, {"role": "user", "content": "system"})) is None
    assert system_index(raws({"role": None}, {})) is None


def test_system_messages_are_removed() -> None:
    given = raws({"role": "system"}, USER, {"role": "developer"})
    assert plain(without_system(given)) == [USER]


@pytest.mark.parametrize(
    "role", [r"\u0073ystem", r"devel\u006fper", "developer", "System", " SYSTEM", "Developer "]
)
def test_system_message_is_found_however_its_role_is_written(role: str) -> None:
    message = msgspec.Raw(b'{"content":"x","role":"' + role.encode() + b'"}')
    assert has_system([message]) and without_system([message]) == []


def test_other_roles_are_no_system_messages() -> None:
    given = raws(USER, {"role": "assistant"}, {"role": None}, {"role": ["system"]}, {})
    assert not has_system(given) and len(without_system(given)) == 5


def test_non_text_parts_are_unchanged() -> None:
    [changed] = plain([with_text(raws(PARTS)[0], str.upper)])
    assert changed["content"] == [PARTS["content"][0], {"type": "text", "text": "LOOK"}]


def test_transcript_has_lines_and_last_user_text_is_found() -> None:
    given = raws({"role": "system", "content": "s"}, PARTS, {"role": "assistant", "content": None})
    assert transcript(given) == ["SYSTEM: s", "USER: look", "ASSISTANT: "]
    assert last_user_text(given) == "look"
    assert last_user_text([]) == ""
