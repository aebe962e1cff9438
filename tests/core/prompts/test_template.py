"""Placeholders in prompts."""

import re
from datetime import date

import pytest
from msgspec.structs import replace

from portico.api import InvalidRequest
from portico.api.auth import Account
from portico.prompts import PromptTemplate, account_variables

ANN = {"USER_NAME": "Ann {{CURRENT_DATE}}"}
LINES = [f"USER: {n}" for n in range(6)]


def fill(text: str, variables: dict[str, str] | None = None, prompt: str = "hello world") -> str:
    return PromptTemplate(ANN, variables or {}, lambda: prompt, lambda: LINES).fill(text)


def test_user_name_is_inserted() -> None:
    assert fill("Hi {{USER_NAME}}, {{ USER_BIO }}.") == "Hi Ann {{CURRENT_DATE}}, None."


BEN = Account(
    id="2",
    email="ben@example.org",
    name="Ben",
    role="user",
    bio="Sails.",
    gender="male",
    date_of_birth="1990-06-02",
    info='{"location": "Rome"}',
    last_active_at=0,
    updated_at=0,
    created_at=0,
)
ABOUT = "{{USER_BIO}} {{USER_GENDER}} {{USER_BIRTH_DATE}} {{USER_AGE}} {{USER_LOCATION}}"


@pytest.mark.parametrize(("today", "age"), [(date(2026, 6, 1), 35), (date(2026, 6, 2), 36)])
def test_account_values_are_inserted(today: date, age: int) -> None:
    template = PromptTemplate(account_variables(BEN, today), {}, str, list)
    assert template.fill(ABOUT) == f"Sails. male 1990-06-02 {age} Rome"


@pytest.mark.parametrize("info", [None, "null", "[1]", '{"location": 7}', '{"location": ""}'])
def test_unknown_values_print_as_none(info: str | None) -> None:
    account = replace(BEN, bio=None, gender="", date_of_birth="soon", info=info)
    template = PromptTemplate(account_variables(account, date(2026, 1, 1)), {}, str, list)
    assert template.fill("{{USER_BIO}} {{USER_GENDER}} {{USER_AGE}} {{USER_LOCATION}}") == (
        "None None None None"
    )


@pytest.mark.parametrize(
    ("placeholder", "pattern"),
    [
        ("CURRENT_DATE", r"\d{4}-\d\d-\d\d"),
        ("CURRENT_TIME", r"\d\d:\d\d:\d\d [AP]M"),
        ("CURRENT_DATETIME", r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [AP]M"),
        ("CURRENT_WEEKDAY", r"\w+day"),
    ],
)
def test_time_is_inserted(placeholder: str, pattern: str) -> None:
    assert re.fullmatch(pattern, fill("{{" + placeholder + "}}"))


def test_client_variables_override_others() -> None:
    assert fill("{{USER_NAME}} {{MINE}}", {"{{USER_NAME}}": "Mia", "{{MINE}}": "1"}) == "Mia 1"


def test_inserted_values_are_not_scanned_again() -> None:
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
def test_prompt_and_messages_can_be_truncated(placeholder: str, filled: str) -> None:
    assert fill(placeholder) == filled


def test_too_long_filled_prompt_is_refused() -> None:
    with pytest.raises(InvalidRequest):
        fill("{{prompt}}" * 10_000, prompt="x" * 1000)
