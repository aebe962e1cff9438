"""JSON bodies: depth, number of values, invalid JSON, and the errors about them."""

import asyncio
import json
import tracemalloc
from typing import Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from portico.errors import ValidationError
from portico.web.request import sanitize
from portico.web.request.body_request import ArrivingBody
from portico.web.request.body_scanner import BLOCK_BYTES, BodyScanner
from portico.web.request.json_decoding import read_json, to_field_error
from portico.web.request.lenient_json import decode_anything
from portico.web.request.sanitize import sanitize_json

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


def values(value: object) -> int:
    """Count elements and members at all levels, and the value itself; an empty list or object counts as one more."""
    if isinstance(value, dict | list):
        inner = list(value.values()) if isinstance(value, dict) else value
        return 1 + max(sum(map(values, inner)), 1)
    return 1


def scan(
    body: bytes, *, depth: int = 900, max_values: int = 10**9, size: int = BLOCK_BYTES
) -> bytes:
    """Return what a scanner returns for a body that arrives in blocks of this size."""
    scanner = BodyScanner(depth, max_values)
    blocks = [body[at : at + size] for at in range(0, len(body), size)] or [b""]
    return b"".join([scanner.feed(one) for one in blocks]) + scanner.feed(b"", last=True)


def fault_of(body: bytes, **limits: int) -> dict[str, object]:
    with pytest.raises(ValidationError) as refused:
        scan(body, **limits)
    return dict(refused.value.faults[0])


ODD = st.sampled_from(
    ['"', "\\", '\\"', "[", "{", "]}", ",", "\ud83d", "\U0001f600", "\0", "é", "\u2028"]
)
TEXTS = st.lists(ODD | st.text(max_size=3), max_size=6).map("".join)
HOSTILE = st.recursive(
    st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=30,
)


@given(HOSTILE, st.integers(0, 6), st.integers(1, 40), st.booleans())
def test_depth_and_values_do_not_depend_on_block_boundaries(
    value: object, limit: int, size: int, spaced: bool
) -> None:
    body = json.dumps(value, separators=None if spaced else (",", ":")).encode()

    if depth(value) > limit:
        assert fault_of(body, depth=limit, size=size)["type"] == "json_depth"
    else:
        scan(body, depth=limit, size=size)
    scanner = BodyScanner(900, 10**9)
    scanner.feed(body, last=True)
    assert scanner.values <= values(value) <= 2 * scanner.values


@given(HOSTILE, st.integers(1, 40))
def test_sanitizing_does_not_depend_on_block_boundaries(value: object, size: int) -> None:
    body = json.dumps(value).encode()
    assert scan(body, size=size) == sanitize_json(body)


@given(
    st.lists(st.sampled_from([rb"\ud83d", rb"\ude00", rb"\u0000", rb"\\", b"x"])),
    st.integers(1, 30),
)
def test_unpaired_surrogates_are_replaced_at_any_block_boundary(
    pieces: list[bytes], size: int
) -> None:
    body = b'"' + b"".join(pieces) + b'"'
    assert scan(body, size=size) == sanitize_json(body)
    msgspec.json.decode(sanitize_json(body))


@given(
    st.lists(st.sampled_from([rb"\ud83d", rb"\ude00", rb"\u0000", rb"\\", b"x"])),
    st.integers(18, 40),
)
def test_long_texts_are_sanitized_block_by_block(pieces: list[bytes], size: int) -> None:
    text = b'"' + b"".join(pieces) * 4 + b'"'
    expected, sizes = sanitize_json(text), []
    one_block = sanitize._sanitize_block

    def noted(block: bytes) -> bytes:
        sizes.append(len(block))
        return one_block(block)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sanitize, "_BLOCK_BYTES", size)
        patch.setattr(sanitize, "_sanitize_block", noted)
        assert sanitize_json(text) == expected
    assert max(sizes, default=0) <= size


@given(HOSTILE, st.lists(st.integers(0, 40), max_size=6), st.booleans())
def test_request_body_is_what_the_scanner_returns(
    value: object, cuts: list[int], ascii_only: bool
) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only)
    body = text.encode(errors="replace")
    ends = sorted({min(one, len(body)) for one in cuts})
    arriving = ArrivingBody(BodyScanner(900, 10**9))

    async def arrive() -> None:
        for begin, end in zip([0, *ends], [*ends, len(body)], strict=True):
            await arriving.add(body[begin:end], last=False)
        await arriving.add(b"", last=True)

    asyncio.run(arrive())
    assert b"".join(arriving.blocks) == sanitize_json(body)


def test_unchanged_body_is_not_copied() -> None:
    body = json.dumps(["a\n", "süß"] * BLOCK_BYTES, ensure_ascii=False).encode()
    arriving = ArrivingBody(BodyScanner(900, 10**9))

    asyncio.run(arriving.add(body, last=False))
    asyncio.run(arriving.add(b"", last=True))

    assert arriving.blocks[0] is body
    assert len(arriving.blocks) == 1


def test_brackets_in_strings_are_not_nesting() -> None:
    scan(json.dumps({"code": "[" * 5000 + '"\\' + "{" * 5000}).encode(), depth=3)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"[" * 100_000, "json_depth"),
        (b'{"name": "\xff"}', "json_invalid"),
        (b'{"name": "\xc3', "json_invalid"),
        (b'"\xed\xa0\x80"', "json_invalid"),
        (b"{" + b",".join(b'"%d":1' % i for i in range(100_000)) + b"}", "json_values"),
        (b"[" + b"[]," * 100_000 + b"0]", "json_values"),
    ],
    ids=lambda value: str(value[:12]),
)
@pytest.mark.parametrize("size", [1024, BLOCK_BYTES])
@pytest.mark.case("AB-69")
def test_hostile_json_is_refused_while_it_arrives(body: bytes, kind: str, size: int) -> None:
    assert fault_of(body, depth=128, max_values=100_000, size=size)["type"] == kind


def test_characters_across_blocks_are_accepted() -> None:
    body = '{"a":"süß 🙂"}'.encode()
    for size in range(1, 8):
        assert scan(body, size=size) == body


HOSTILE_KINDS = {
    "strings of brackets": b'"[",',
    "a string of brackets": b"[",
    "escapes": rb"\n",
    "escaped quotation marks": rb"\"",
    "backslashes": rb"\\\\",
    "nested deep": b"[" * 100 + b"]" * 100 + b",",
    "empty lists": b"[],",
    "empty strings": b'"",',
    "halves of characters": rb"\ud83d",
    "characters that are no ASCII": "é".encode(),
}
IN_A_STRING = {
    "a string of brackets",
    "escapes",
    "escaped quotation marks",
    "backslashes",
    "halves of characters",
    "characters that are no ASCII",
}


@pytest.mark.parametrize("kind", HOSTILE_KINDS)
def test_scan_memory_is_a_few_blocks(kind: str) -> None:
    opening = b'["' if kind in IN_A_STRING else b"["
    block = HOSTILE_KINDS[kind] * (BLOCK_BYTES // len(HOSTILE_KINDS[kind]))
    scanner = BodyScanner(128, 10**9)
    scanner.feed(opening)
    scanner.feed(block)
    tracemalloc.start()
    try:
        for _ in range(16):
            scanner.feed(block)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 64 * BLOCK_BYTES


class Form(msgspec.Struct):
    name: str
    times: int = 1
    kind: Literal["a", "b"] = "a"
    rest: msgspec.Raw = msgspec.Raw(b"{}")


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b"{}", {"type": "missing", "loc": ["body", "name"], "msg": "Field required"}),
        (b'{"name": 5}', {"type": "string_type", "loc": ["body", "name"]}),
        (b'{"name": "x", "times": "many"}', {"type": "int_parsing", "loc": ["body", "times"]}),
        (
            b'{"name": "x", "kind": "secret"}',
            {
                "type": "literal_error",
                "loc": ["body", "kind"],
                "msg": "Input should be one of the allowed values",
            },
        ),
        (b"[]", {"type": "dict_type", "loc": ["body"]}),
        (b"{", {"type": "json_invalid", "loc": ["body"]}),
        (b'{"name": "x"} trailing', {"type": "json_invalid"}),
        (b"\xef\xbb\xbf{}", {"type": "json_invalid"}),
        ('{"name": "x"}'.encode("utf-16"), {"type": "json_invalid"}),
        (b'{"name": "x", "times": NaN}', {"type": "json_invalid"}),
        (b'{"name": "x", "times": ' + b"9" * 100_000 + b"}", {"loc": ["body", "times"]}),
        (b'{"name": "x", "rest": ' + b"[" * 100_000, {"type": "json_invalid"}),
        (b'{"name": "\xff"}', {"type": "json_invalid"}),
    ],
)
@pytest.mark.case("AB-69")
def test_hostile_json_error_has_position_and_no_content(
    body: bytes, fault: dict[str, object]
) -> None:
    with pytest.raises(ValidationError) as refused:
        read_json(body, Form)
    assert refused.value.faults[0].items() >= fault.items()
    assert len(str(refused.value)) < 300


@pytest.mark.case("AB-69")
def test_last_of_duplicate_keys_is_used() -> None:
    body = b'{"name": "first", "name": "last", "rest": {}}'
    assert read_json(body, Form).name == "last"
    assert read_json(body, dict[str, msgspec.Raw])["name"] == msgspec.Raw(b'"last"')


@pytest.mark.case("AB-69")
def test_a_million_keys_take_bounded_time() -> None:
    body = b"{" + b",".join(b'"k%d":1' % i for i in range(200_000)) + b',"name":"x"}'
    assert read_json(body, Form).name == "x"


@pytest.mark.case("AB-69")
def test_numbers_are_exact_or_refused() -> None:
    for text in (
        "1e308",
        "5e-324",
        "0.1",
        "-1.5",
        "1.7976931348623157e308",
        "12345678901234567890",
    ):
        assert decode_anything(f"[{text}]") == json.loads(f"[{text}]")
    for text in ("1e309", "-1e400", "9" * 5000):
        with pytest.raises(msgspec.DecodeError):
            decode_anything(f"[{text}]")


def test_nested_field_error_has_its_path() -> None:
    assert to_field_error("Expected `str`, got `int` - at `$.chats[3].title`", "body") == {
        "type": "string_type",
        "loc": ["body", "chats", 3, "title"],
        "msg": "Expected `str`, got `int`",
    }
