"""The chat document as bytes: cleaning, splitting, merging."""

import json
import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from portico.errors import Misshapen
from portico_chats.documents import cleaned, merged, read_document, whole, with_message

TEXT = st.text(st.characters(), max_size=8) | st.sampled_from(
    ["\x00", "\ud800", "\udc00", "\\u0000", "\\", "🦜"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


def mend(value: object) -> object:
    """What cleaning means, said on decoded values."""
    if isinstance(value, str):
        return re.sub("[\ud800-\udfff]", "\ufffd", value).replace("\x00", "")
    if isinstance(value, list):
        return [mend(one) for one in value]
    if isinstance(value, dict):
        return {mend(key): mend(one) for key, one in value.items()}
    return value


@given(JSON)
def test_AB_58_cleaning_takes_out_nul_and_mends_halves_of_pairs(value: object) -> None:
    text = json.dumps(value).encode()

    assert json.loads(cleaned(text)) == mend(value)
    assert msgspec.json.decode(cleaned(text)) == mend(value)


@given(JSON)
def test_what_is_clean_is_left_as_it_is(value: object) -> None:
    text = json.dumps(mend(value)).encode()

    assert cleaned(text) == text


@given(st.dictionaries(TEXT, JSON, max_size=4), st.dictionaries(TEXT, JSON, max_size=4))
def test_merging_is_shallow(stored: dict[str, object], changes: dict[str, object]) -> None:
    for taken in ("title", "history", "messages"):
        stored.pop(taken, None)
        changes.pop(taken, None)

    def parts(value: object) -> dict[str, msgspec.Raw]:
        return read_document(msgspec.Raw(json.dumps(value).encode()))[0]

    result = merged(whole(parts(stored)), parts(changes))

    assert json.loads(result) == {**mend(stored), **mend(changes)}  # type: ignore[dict-item]


def test_a_note_does_not_touch_the_other_messages() -> None:
    stored = '{"x":1,"history":{"messages":{"q":{"content" : "Hi"}},"currentId":"q","more":[ 1 ]}}'

    assert json.loads(with_message(stored, "a", {"model": "m"})) == {
        "x": 1,
        "history": {
            "messages": {"q": {"content": "Hi"}, "a": {"model": "m"}},
            "currentId": "a",
            "more": [1],
        },
    }
    assert '"q":{"content" : "Hi"}' in with_message(stored, "a", {})


def test_an_old_row_of_another_shape_is_mended_by_a_note() -> None:
    noted = with_message('{"history":{"messages":{"a":5}}}', "a", {"model": "m"})

    assert json.loads(noted)["history"]["messages"] == {"a": {"model": "m"}}


@pytest.mark.parametrize("raw", [b"[]", b"5", b'{"title":{}}', b'{"a":"\xff"}', b"{", b"\xff"])
def test_what_is_no_document_is_refused(raw: bytes) -> None:
    with pytest.raises(Misshapen):
        read_document(msgspec.Raw(raw))
