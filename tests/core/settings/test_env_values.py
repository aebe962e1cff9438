"""Texts of variables for each type, which have the same meaning as values in TOML."""

import math
from dataclasses import replace
from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from portico.settings.conversion import InvalidValue, convert
from portico.settings.env_values import is_set, read_text
from portico.settings.fields import plugin_fields
from portico.settings.section import Secret, Section, setting

Mood = Literal["Calm", "wild"]


class Every(Section):
    """One field of each kind."""

    flag: bool = False
    count: Annotated[int, setting("Count", ge=-(2**60), le=2**60)] = 0
    ratio: float = 0.0
    text: str = ""
    secret: Secret = Secret()
    mood: Mood = "Calm"
    names: list[str] = []
    keys: Annotated[list[Secret], setting("Keys", separator=";")] = []
    numbers: list[int] = []
    perhaps: int | None = None
    maybe: str | None = None
    table: dict[str, list[int | str | bool]] = {}


FIELDS = {field.name: field for field in plugin_fields("every", Every)}


def read(name: str, text: str) -> Any:
    return convert(read_text(text, FIELDS[name]), FIELDS[name])


def as_variable(raw: Any) -> str:
    """Return the text of a variable with the same meaning as this TOML value."""
    match raw:
        case bool():
            return "yes" if raw else "no"
        case list() | dict():
            return msgspec.json.encode(raw).decode()
        case _:
            return str(raw)


def unicode_text() -> st.SearchStrategy[str]:
    return st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


TOML_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "flag": st.booleans(),
    "count": st.integers(-(2**60), 2**60),
    "ratio": st.floats(allow_nan=False, allow_infinity=False) | st.integers(-1000, 1000),
    "text": unicode_text(),
    "secret": unicode_text(),
    "mood": st.sampled_from(["Calm", "CALM", "calm", "wild", "Wild"]),
    "names": st.lists(unicode_text()),
    "keys": st.lists(unicode_text()),
    "numbers": st.lists(st.integers(-(2**60), 2**60)),
    "perhaps": st.integers() | st.just(""),
    "maybe": unicode_text(),
    "table": st.dictionaries(
        unicode_text(), st.lists(st.integers(-(2**60), 2**60) | unicode_text() | st.booleans())
    ),
}


@given(st.data())
def test_value_in_variable_equals_value_in_toml(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(TOML_VALUES)))
    raw, field = data.draw(TOML_VALUES[name]), FIELDS[name]
    assert read(name, as_variable(raw)) == convert(raw, field)


@given(st.sampled_from(sorted(FIELDS)), st.text())
def test_any_text_is_read_or_raises_invalid_value(name: str, text: str) -> None:
    try:
        read(name, text)
    except InvalidValue:
        pass


@pytest.mark.parametrize("word", ["true", "TRUE", "1", "yes", "Yes", "on", " on "])
def test_true_words_are_accepted(word: str) -> None:
    assert read("flag", word) is True


@pytest.mark.parametrize("word", ["false", "False", "0", "no", "NO", "off"])
def test_false_words_are_accepted(word: str) -> None:
    assert read("flag", word) is False


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("flag", "2"),
        ("flag", "y"),
        ("count", "1.0"),
        ("count", "1_000"),
        ("count", "٣"),
        ("count", "9" * 5000),
        ("ratio", "nan"),
        ("ratio", "inf"),
        ("ratio", "1e999"),
        ("ratio", "."),
        ("mood", "sad"),
        ("numbers", "1,x"),
        ("table", "{"),
        ("table", "[" * 5000),
        ("table", "5"),
    ],
)
def test_invalid_text_is_refused(name: str, text: str) -> None:
    with pytest.raises(InvalidValue):
        read(name, text)


@pytest.mark.parametrize(
    ("name", "raw"),
    [("ratio", math.nan), ("table", {"a": [math.inf]}), ("flag", 1), ("count", True)],
)
def test_toml_values_are_not_converted(name: str, raw: Any) -> None:
    with pytest.raises(InvalidValue):
        convert(raw, FIELDS[name])


def test_list_is_split_and_empty_items_are_dropped() -> None:
    assert read("names", " a , ,b,") == ["a", "b"]
    assert read("numbers", "1, 2") == [1, 2]


def test_paired_list_keeps_empty_items() -> None:
    assert read("keys", "a;; b ;") == [Secret("a"), Secret(), Secret("b"), Secret()]


def test_list_may_be_a_json_array() -> None:
    assert read("names", '["a,b", " c"]') == ["a,b", " c"]
    assert read("names", "[::1],b") == ["[::1]", "b"]


@pytest.mark.parametrize("name", FIELDS)
def test_empty_text_sets_no_field_that_does_not_declare_it(name: str) -> None:
    assert not is_set("", FIELDS[name])
    assert not is_set(" \n", FIELDS[name])
    assert is_set("", replace(FIELDS[name], empty=True))
    assert is_set("x", FIELDS[name])
    assert not is_set(None, FIELDS[name])
