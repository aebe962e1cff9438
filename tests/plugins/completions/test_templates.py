"""Placeholders in prompts."""

import re

import pytest

from portico.api import Actor, Invalid
from portico_completions.templates import Template

ANN = Actor("1", "ann@example.org", "Ann {{CURRENT_DATE}}", "user", "", "")
LINES = [f"USER: {n}" for n in range(6)]


def fill(text: str, variables: dict[str, str] | None = None, prompt: str = "hello world") -> str:
    return Template(ANN, variables or {}, lambda: prompt, lambda: LINES).fill(text)


def test_people_are_called_by_their_name() -> None:
    assert fill("Hi {{USER_NAME}}, {{ USER_BIO }}.") == "Hi Ann {{CURRENT_DATE}}, None."


@pytest.mark.parametrize(
    ("placeholder", "pattern"),
    [
        ("CURRENT_DATE", r"\d{4}-\d\d-\d\d"),
        ("CURRENT_TIME", r"\d\d:\d\d:\d\d [AP]M"),
        ("CURRENT_DATETIME", r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [AP]M"),
        ("CURRENT_WEEKDAY", r"\w+day"),
    ],
)
def test_the_time_is_told(placeholder: str, pattern: str) -> None:
    assert re.fullmatch(pattern, fill("{{" + placeholder + "}}"))


def test_the_clients_variables_win() -> None:
    assert fill("{{USER_NAME}} {{MINE}}", {"{{USER_NAME}}": "Mia", "{{MINE}}": "1"}) == "Mia 1"


def test_what_fills_a_placeholder_is_not_looked_through_again() -> None:
    assert fill("{{A}}", {"{{A}}": "{{USER_NAME}}"}) == "{{USER_NAME}}"


@pytest.mark.parametrize(
    ("placeholder", "filled"),
    [
        ("{{prompt}}", "hello world"),
        ("{{PROMPT:start:4}}", "hell"),
        ("{{prompt:end:3}}", "rld"),
        ("{{prompt:end:0}}", ""),
        ("{{prompt:middletruncate:5}}", "hel...ld"),
        ("{{prompt:middletruncate:99}}", "hello world"),
        ("{{MESSAGES:START:1}}", "USER: 0"),
        ("{{MESSAGES:END:2}}", "USER: 4\nUSER: 5"),
        ("{{MESSAGES:MIDDLETRUNCATE:3}}", "USER: 0\nUSER: 1\nUSER: 5"),
        ("{{MESSAGES}}", "\n".join(LINES)),
        ("{{UNKNOWN}} {x} {{}} {{ }}", "{{UNKNOWN}} {x} {{}} {{ }}"),
    ],
)
def test_prompts_and_messages_can_be_cut(placeholder: str, filled: str) -> None:
    assert fill(placeholder) == filled


def test_a_prompt_that_grows_beyond_measure_is_refused() -> None:
    with pytest.raises(Invalid):
        fill("{{prompt}}" * 10_000, prompt="x" * 1000)
