"""The chat document as JSON: sanitized, split, rendered."""

import json
import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from portico.errors import ValidationError
from portico.web.request.sanitize import sanitize_json
from portico_chats.content.chat_document import keys_of, read_document, render_members
from portico_chats.content.skeleton import skeleton_of

TEXT = st.text(st.characters(), max_size=8) | st.sampled_from(
    ["\x00", "\ud800", "\udc00", "\\u0000", "\\", "🦜"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


def mend(value: object) -> object:
    """Return the expected sanitized value."""
    if isinstance(value, str):
        return re.sub("[\ud800-\udfff]", "\ufffd", value).replace("\x00", "")
    if isinstance(value, list):
        return [mend(one) for one in value]
    if isinstance(value, dict):
        return {mend(key): mend(one) for key, one in value.items()}
    return value


@given(JSON)
@pytest.mark.case("AB-58")
def test_sanitizing_removes_nul_and_lone_surrogates(value: object) -> None:
    text = json.dumps(value).encode()

    assert json.loads(sanitize_json(text)) == mend(value)
    assert msgspec.json.decode(sanitize_json(text)) == mend(value)


@given(JSON)
def test_sanitizing_keeps_clean_json(value: object) -> None:
    text = json.dumps(mend(value)).encode()

    assert sanitize_json(text) == text


def history(texts: st.SearchStrategy[str] = TEXT) -> st.SearchStrategy[object]:
    """Histories as clients might send them, and invalid ones."""
    message = st.dictionaries(texts, JSON, max_size=4)
    return st.none() | st.fixed_dictionaries(
        {},
        optional={
            "messages": st.none() | st.dictionaries(texts, message, max_size=4),
            "currentId": st.none() | texts,
            "more": JSON,
        },
    )


@given(st.dictionaries(TEXT, JSON, max_size=3), history(), st.booleans())
def test_split_and_rendered_document_is_equal(
    rest: dict[str, object], tree: object, first: bool
) -> None:
    rest = {key: value for key, value in rest.items() if key not in ("title", "messages")}
    sent = {"history": tree, **rest} if first else {**rest, "history": tree}

    document = read_document(keys_of(msgspec.Raw(sanitize_json(json.dumps(sent).encode()))))
    made = skeleton_of(document).render(render_members((document.messages or {}).items()))

    assert list(json.loads(made).items()) == list(mend(sent).items())  # type: ignore[attr-defined]
    assert skeleton_of(skeleton_of(document).document()) == skeleton_of(document)


def test_unknown_parts_keep_their_bytes() -> None:
    sent = b'{"n":1.50e+3,"history":{"messages":{"q":{"big" : 123456789012345678901234567890}}}}'
    document = read_document(keys_of(msgspec.Raw(sent)))

    assert document.parts["n"] == "1.50e+3"
    assert document.messages == {"q": '{"big" : 123456789012345678901234567890}'}


@pytest.mark.parametrize("raw", [b"[]", b"5", b'{"title":{}}', b'{"a":"\xff"}', b"{", b"\xff"])
def test_invalid_document_is_refused(raw: bytes) -> None:
    with pytest.raises(ValidationError):
        read_document(keys_of(msgspec.Raw(raw)))
