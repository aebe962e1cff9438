"""Reading what a task model answers."""

import json

import pytest

from portico_generation.answers import (
    MAX_ANSWER_BYTES,
    MAX_QUESTIONS,
    MAX_TITLE_CHARS,
    answer_text,
    read_follow_ups,
    read_tags,
    read_title,
)


def completion(**message: object) -> bytes:
    return json.dumps({"choices": [{"message": message}]}).encode()


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ('{"title": "Trains"}', "Trains"),
        ('Here it is:\n```json\n{ "title": "Trains" }\n```', "Trains"),
        ('{"title": "  A {braced}\\n title "}', "A {braced} title"),
        ('I think {about it}. {"title": "Trains"}', "Trains"),
        ('{"title": 7}', ""),
        ('{"titel": "Trains"}', ""),
        ("Trains", ""),
        ("}{", ""),
        ("{", ""),
        ('["title"]', ""),
        ("", ""),
        ('{"title": "' + "x" * 5000 + '"}', "x" * MAX_TITLE_CHARS),
    ],
)
def test_title_is_read_between_the_first_and_the_last_brace(text: str, title: str) -> None:
    assert read_title(text) == title


def test_follow_ups_are_texts_without_repetition() -> None:
    text = json.dumps({"follow_ups": ["Why?", 7, " ", None, "Why?", "How\nso?"]})
    assert read_follow_ups(text) == ["Why?", "How so?"]
    assert read_follow_ups('{"follow_ups": "Why?"}') == []
    many = json.dumps({"follow_ups": [f"{n}?" for n in range(1000)]})
    assert len(read_follow_ups(many)) == MAX_QUESTIONS


def test_tags_are_a_list_of_names() -> None:
    assert read_tags('{"tags": ["Travel", "Trains"]}') == ["Travel", "Trains"]
    assert read_tags("no tags") == []


def test_answer_is_the_content_or_else_the_reasoning() -> None:
    assert answer_text(completion(content="a", reasoning_content="b")) == "a"
    assert answer_text(completion(content="", reasoning_content="b")) == "b"
    assert answer_text(completion(content=[{"type": "text", "text": "a"}])) == "a"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b'{"choices": null}',
        b'{"choices": []}',
        b'{"choices": [{"message": null}]}',
        b'{"choices": [{"message": {"content": 7}}]}',
        b"\xff",
        b"[" * 100_000,
        completion(content="x" * MAX_ANSWER_BYTES),
    ],
)
def test_other_bodies_have_no_answer(body: bytes) -> None:
    assert answer_text(body) == ""


def test_nesting_in_an_answer_is_bounded() -> None:
    assert read_title('{"title":' * 50_000 + "1" + "}" * 50_000) == ""
