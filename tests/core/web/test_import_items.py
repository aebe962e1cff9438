"""Reading imports: every layout of exports, invalid input, and any position of block boundaries."""

import json
import random
import tracemalloc
from io import BytesIO, RawIOBase
from pathlib import Path
from typing import Any

import msgspec
import pytest

from portico.errors import TooLarge, ValidationError
from portico.web.request import json_scanner
from portico.web.request.import_items import ImportItem, plain_value, read_items
from portico.web.request.json_scanner import UnreadableImport

LETTERS = 'a"\\[]{},:é\n\U0001f600 '
BOM = b"\xef\xbb\xbf"


def items(text: bytes, **options: Any) -> list[ImportItem]:
    return list(read_items(BytesIO(text), ("chats", "folders"), "chats", **options))


def values(text: bytes) -> list[Any]:
    return [json.loads(item.text) for item in items(text)]


def value(dice: random.Random, depth: int = 0) -> Any:
    kind = dice.randrange(6 if depth < 4 else 3)
    if kind < 3:
        return dice.choice([word(dice), dice.random(), None, True, ""])
    if kind == 3:
        return [value(dice, depth + 1) for _ in range(dice.randrange(4))]
    return {word(dice): value(dice, depth + 1) for _ in range(dice.randrange(4))}


def word(dice: random.Random) -> str:
    return "".join(dice.choices(LETTERS, k=dice.randrange(12)))


def random_document(dice: random.Random) -> tuple[bytes, list[Any]]:
    """Return one document in a random layout, and the objects in it."""
    form = dice.randrange(3)
    held = [value(dice) for _ in range(dice.randrange(5))]
    if form == 0:
        whole: Any = held
    elif form == 1:
        whole = {"version": value(dice), "chats": held, "more": value(dice)}
    else:
        whole = {word(dice) + str(n): value(dice) for n in range(dice.randrange(3))}
        held = [whole]
    indent = dice.choice([None, 1])
    text = json.dumps(whole, indent=indent, ensure_ascii=dice.random() < 0.5)
    return dice.choice([b"", BOM, b" \r\n"]) + text.encode(), held


@pytest.mark.parametrize("block", [1, 2, 3, 11, 12, 13, 64, 1000])
def test_all_objects_are_found_in_every_layout(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_scanner, "BLOCK_BYTES", block)
    dice = random.Random(block)
    for _ in range(100):
        documents = [random_document(dice) for _ in range(dice.randrange(1, 4))]
        text = dice.choice([b"", b"\n"]).join(text for text, _ in documents)
        if text[:4] == b"" or text[:1] not in b"[{ \xef":
            continue

        found = items(text)

        assert [json.loads(one.text) for one in found] == [
            one for _, held in documents for one in held
        ]
        for one in found:
            assert json.loads(text[one.at : one.at + one.size]) == json.loads(one.text)


def test_item_has_the_key_of_its_list() -> None:
    found = items(
        b'{"folders":[{"f":1}],"chats":[{"a":1},{"a":2}]}{"chats":[{"a":3}]}[{"a":4}]{"a":5}'
    )

    assert [(one.key, one.index, one.is_alone) for one in found] == [
        ("folders", 0, False),
        ("chats", 0, False),
        ("chats", 1, False),
        ("chats", 2, False),
        ("", 0, False),
        ("", 1, True),
    ]


def test_json_lines_are_single_items() -> None:
    assert values(b'{"a": 1}\n\n{"a": [2]}\r\n{"a": "3"}\n') == [{"a": 1}, {"a": [2]}, {"a": "3"}]


def test_empty_list_has_no_items() -> None:
    assert items(b" [ ] ") == items(b'{"chats": []}') == []


def test_unpaired_surrogates_and_nul_are_sanitized() -> None:
    assert values(rb'[{"a":"\ud83d"}] {"a\ud83d": "\u0000b"}') == [
        {"a": "\ufffd"},
        {"a\ufffd": "b"},
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "it is empty"),
        (BOM + b" \n", "it is empty"),
        (b"5", "unexpected text at byte 0"),
        (b'"["', "unexpected text at byte 0"),
        (b"[{}] oops", "unexpected text at byte 5"),
        (b"[{}]\n\n[{}],", "unexpected text at byte 10 (line 3)"),
        (b'{"a":1}}', "unexpected text at byte 7"),
        (b"[{}]]", "unexpected text at byte 4"),
        (b"[1 2]", "unexpected text at byte 3"),
        (b"[1,]", "unexpected text at byte 3"),
        (b"[,1]", "unexpected text at byte 1"),
        (b'{"a" 1}', "unexpected text at byte 5"),
        (b'{"a":1,}', "unexpected text at byte 7"),
        (b"{5:1}", "quotation marks is missing at byte 1"),
        (b'[{"a":NaN}]', "value that begins at byte 1: invalid character (byte 5)"),
        (b'[{"a":[}]]', "value that begins at byte 1"),
        (b'[{"a":"\xff"}]', "not UTF-8 at byte 7"),
        (b'{"a":"\xff"}', "not UTF-8 at byte 6"),
        (b'[{"a":"' + "é".encode() * 100_000 + b'\xff"}]', "not UTF-8 at byte 200007"),
        (b'[{"a":"x' + "é".encode() * 50_000 + b'\xc3"}]', "not UTF-8 at byte 100008"),
        (b"[" * 3000 + b"]" * 3000, "nested too deeply"),
        (b'[{"a":' * 65 + b"[[]]" + b"}]" * 65, "nested too deeply: over 128 levels"),
        ('[{"a":1}]'.encode("utf-16"), "UTF-16"),
        ('[{"a":1}]'.encode("utf-16-le"), "UTF-16"),
        ('[{"a":1}]'.encode("utf-16-be"), "UTF-16"),
        ('[{"a":1}]'.encode("utf-32-be"), "UTF-32"),
        (b"\x1f\x8b\x08\x00", "gzip"),
        (b"PK\x03\x04....", "ZIP archive"),
        (b"SQLite format 3\x00", "SQLite database"),
        (b"<!doctype html>", "HTML"),
    ],
)
def test_invalid_import_is_refused_with_position(text: bytes, message: str) -> None:
    with pytest.raises(UnreadableImport) as refused:
        items(text)

    assert message in str(refused.value)
    assert refused.value.faults[0]["loc"] == ["body"]


@pytest.mark.parametrize("block", [1, 2, 3, 100])
@pytest.mark.parametrize(
    "text",
    ["[", "[1", "[1,", '["]', '[{"a":[1]}', '["\\', '["\\"', '{"a"', '{"a":', '{"a":1', "[{}] [{"],
)
def test_truncated_input_is_refused(text: str, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_scanner, "BLOCK_BYTES", block)
    with pytest.raises(UnreadableImport, match=rf"cut off: it ends at byte {len(text)}"):
        items(text.encode())


@pytest.mark.parametrize(
    "text",
    [
        b'["' + b"x" * 2000 + b'"]',
        b"[" + b"1" * 2000 + b"]",
        b'{"a":"%b","b":"%b"}' % ((b"y" * 600,) * 2),
    ],
)
def test_too_large_object_is_refused(text: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_scanner, "BLOCK_BYTES", 100)
    with pytest.raises(TooLarge, match="over 0.00"):
        items(text, max_bytes=1000)


class Endless(RawIOBase):
    """A file with this many objects, generated while it is read."""

    def __init__(self, objects: int) -> None:
        self._left = objects

    def read(self, size: int = -1) -> bytes:
        if self._left == 0:
            return b""
        number = min(self._left, 200)
        self._left -= number
        return b'{"a":"' + b"x" * 1000 + b'"}\n' + b'{"a":[[1]]}\n' * (number - 1)


def test_memory_is_bounded_by_largest_object() -> None:
    tracemalloc.start()
    count = sum(1 for _ in read_items(Endless(20_000), ("chats",), "chats"))  # type: ignore[arg-type]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert count == 20_000
    assert peak < 4_000_000


@pytest.mark.parametrize(
    "repeated",
    [b"[", b"{", b'"', b"\\", b'\\"', b"[]", b"[[]],", b"{{}", b" ", b'"[', b"\xef", b",", b'""'],
)
def test_reading_time_is_linear(repeated: bytes) -> None:
    """It ends within the time limit of a test, with or without an error."""
    for around in (b"%b", b"[%b", b'["%b', b'{"a":["%b"'):
        try:
            items(around % (repeated * (500_000 // len(repeated))))
        except (UnreadableImport, TooLarge):
            continue


def test_file_is_read_in_blocks(tmp_path: Path) -> None:
    path = tmp_path / "export.json"
    path.write_text(json.dumps([{"n": n, "x": "é" * 1000} for n in range(300)]))
    with path.open("rb") as file:
        assert [json.loads(one.text)["n"] for one in read_items(file, (), "chats")] == [*range(300)]


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        (r'"{\"a\": [1]}"', '{"a": [1]}'),
        (r'" [1]"', "[1]"),
        (r'"{\"a\": \"\\ud83d\"}"', r'{"a": "\ufffd"}'),
        ('{"a":"{}"}', '{"a":"{}"}'),
        ('"text"', '"text"'),
        ("5", "5"),
    ],
)
def test_json_in_string_is_decoded(written: str, plain: str) -> None:
    assert bytes(plain_value(msgspec.Raw(written.encode()))).strip().decode() == plain


def test_json_in_string_has_the_depth_limit() -> None:
    deep = json.dumps("[" * 130 + "]" * 130).encode()
    with pytest.raises(ValidationError, match="deeper than 128"):
        plain_value(msgspec.Raw(deep))


def test_128_levels_of_nesting_are_accepted() -> None:
    assert len(items(b"[" + b"[" * 128 + b"]" * 128 + b"]")) == 1


def test_truncated_json_in_string_is_refused() -> None:
    with pytest.raises(UnreadableImport, match="inside a string"):
        plain_value(msgspec.Raw(rb'"{\"a\": 1"'))
