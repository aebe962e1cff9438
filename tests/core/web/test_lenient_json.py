"""Lenient JSON: scalars in other notations, and values that are refused."""

import json
from typing import Annotated, Any

import msgspec
import pytest

from portico.web.request.lenient_json import LenientDecoder, parse_seconds


class Inner(msgspec.Struct):
    number: Annotated[int, msgspec.Meta(ge=0, le=100)]


class Form(msgspec.Struct):
    flag: bool = False
    number: int | None = None
    ratio: float = 0.0
    created_at: int | None = None
    inner: Inner | None = None
    many: list[Inner] = []
    text_or_number: str | int = ""
    names: list[str] | None = None
    text: str = ""
    raw: msgspec.Raw = msgspec.Raw(b"null")
    tree: dict[str, Any] = {}


READ = LenientDecoder(Form).decode


@pytest.mark.parametrize(
    ("field", "written", "read"),
    [
        *(("flag", one, True) for one in ("1", "1.0", '"1"', '"true"', '"TRUE"', '" true "')),
        *(("flag", one, False) for one in ("0", "0.0", '"0"', '"false"', '"False"')),
        *(("number", one, 40) for one in ("40.0", '"40"', '"40.0"', '" 40 "', '"+40"', '"4e1"')),
        ("number", '"-9007199254740993"', -9007199254740993),
        ("ratio", '"1.5"', 1.5),
        ("ratio", '"1"', 1.0),
        ("created_at", "1700000000.0", 1_700_000_000),
        ("created_at", "1700000000.9", 1_700_000_000),
        ("created_at", '"1700000000.5"', 1_700_000_000),
        ("inner", '{"number":"7"}', Inner(7)),
        ("many", '[{"number":1},{"number":2.0}]', [Inner(1), Inner(2)]),
        ("text_or_number", '"5"', "5"),
        ("text_or_number", "5.0", 5),
    ],
)
def test_scalar_in_other_notation_is_converted(field: str, written: str, read: Any) -> None:
    found = getattr(READ(f'{{"{field}":{written}}}'.encode()), field)
    assert found == read
    assert type(found) is type(read)


@pytest.mark.parametrize(
    ("field", "written"),
    [
        *(
            ("flag", one)
            for one in ("2", "-1", '"yes"', '""', '"null"', "[]", "1e400", "9" * 400, "0.5")
        ),
        *(
            ("number", one)
            for one in ("1.5", '"1.5"', '"null"', '""', '"x"', "true", "1e30", '"0x10"')
        ),
        *(("number", one) for one in ('"NaN"', '"1_000"', f'"{"9" * 5000}"', '"1e999"')),
        *(("ratio", one) for one in ('"nan"', '"inf"', '"1e999"', "true")),
        *(("created_at", one) for one in ('"tomorrow"', '"null"', "1e300")),
        ("inner", '{"number":"101"}'),
        ("names", '"null"'),
        ("names", "0"),
        ("text", "5"),
    ],
)
def test_unconvertible_scalar_is_refused_with_the_original_error(field: str, written: str) -> None:
    with pytest.raises(msgspec.DecodeError) as refused:
        READ(
            f'{{"{field}":{written},"flag":"1"}}'.encode()
            if field != "flag"
            else f'{{"flag":{written}}}'.encode()
        )
    if isinstance(refused.value, msgspec.ValidationError):
        assert f"$.{field}" in str(refused.value)


def test_open_objects_and_raw_values_are_unchanged() -> None:
    open_object = {"a": "true", "b": {"c": "1", "d": 1.0}}
    found = READ(json.dumps({"flag": 1, "raw": open_object, "tree": open_object}).encode())
    assert json.loads(bytes(found.raw)) == found.tree == open_object
    assert isinstance(found.tree["b"]["d"], float)


@pytest.mark.parametrize(
    ("text", "read"),
    [("0", 0), ("1700000000.7", 1_700_000_000), ("x", None), ("nan", None), ("1e99", None)],
)
def test_query_time_drops_the_fraction(text: str, read: int | None) -> None:
    assert parse_seconds(text) == read
