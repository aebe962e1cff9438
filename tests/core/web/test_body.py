"""Bodies: how deep, how large, how broken; and what is said about them."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from portico.errors import Misshapen
from portico.web.reading.body import deeper_than, explain, read_json

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=30,
)


def depth(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth, value), default=0)
    return 0


@given(JSON, st.integers(0, 6))
def test_the_depth_test_agrees_with_the_definition_of_depth(value: object, limit: int) -> None:
    assert deeper_than(limit, json.dumps(value).encode()) == (depth(value) > limit)


def test_brackets_inside_strings_are_not_nesting() -> None:
    text = json.dumps({"code": "[" * 5000 + '"\\' + "{" * 5000}).encode()
    assert not deeper_than(3, text)


class Form(msgspec.Struct):
    name: str
    times: int = 1
    rest: msgspec.Raw = msgspec.Raw(b"{}")


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b"{}", {"type": "missing", "loc": ["body", "name"], "msg": "Field required"}),
        (b'{"name": 5}', {"type": "string_type", "loc": ["body", "name"]}),
        (b'{"name": "x", "times": "many"}', {"type": "int_parsing", "loc": ["body", "times"]}),
        (b"[]", {"type": "dict_type", "loc": ["body"]}),
        (b"{", {"type": "json_invalid", "loc": ["body"]}),
        (b'{"name": "x"} trailing', {"type": "json_invalid"}),
        (b"\xef\xbb\xbf{}", {"type": "json_invalid"}),
        ('{"name": "x"}'.encode("utf-16"), {"type": "json_invalid"}),
        (b'{"name": "x", "times": NaN}', {"type": "json_invalid"}),
        (b'{"name": "x", "times": ' + b"9" * 100_000 + b"}", {"loc": ["body", "times"]}),
        (
            b'{"name": "x", "rest": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
            {"type": "json_depth"},
        ),
        (b"[" * 100_000, {"type": "json_depth"}),
        (b'{"name": "\xff"}', {"type": "json_invalid"}),
    ],
)
def test_ab69_hostile_json_is_refused_with_its_place_and_without_its_content(
    body: bytes, fault: dict[str, object]
) -> None:
    with pytest.raises(Misshapen) as refused:
        read_json(body, Form, max_depth=64)
    assert refused.value.faults[0].items() >= fault.items()
    assert len(str(refused.value)) < 300


def test_ab69_of_duplicate_keys_everybody_sees_the_last() -> None:
    body = b'{"name": "first", "name": "last", "rest": {}}'
    assert read_json(body, Form, max_depth=8).name == "last"
    assert read_json(body, dict[str, msgspec.Raw], max_depth=8)["name"] == msgspec.Raw(b'"last"')


def test_ab69_a_million_keys_are_read_or_refused_but_not_feared() -> None:
    body = b"{" + b",".join(b'"k%d":1' % i for i in range(200_000)) + b',"name":"x"}'
    assert read_json(body, Form, max_depth=8).name == "x"


def test_a_misfit_deep_inside_is_located() -> None:
    assert explain("Expected `str`, got `int` - at `$.chats[3].title`", "body") == {
        "type": "string_type",
        "loc": ["body", "chats", 3, "title"],
        "msg": "Expected `str`, got `int`",
    }
