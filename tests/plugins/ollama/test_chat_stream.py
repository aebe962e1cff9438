"""Conversion of a streamed answer, whatever is in its lines."""

import json
from typing import Any

import pytest
from tests.one_database import database_url  # noqa: F401 - a fixture

from portico_ollama.chat_answer import ChatStream

LAST = b'{"message":{"role":"assistant","content":""},"done":true,"done_reason":"stop"}\n'


def line(content: bytes) -> bytes:
    return b'{"message":{"role":"assistant","content":"%b"},"done":false}\n' % content


def converted(blocks: list[bytes]) -> tuple[str, ChatStream]:
    """The text that a client puts together, and the stream."""
    stream = ChatStream("m")
    out = b"".join([*map(stream.feed, blocks), *stream.close()])
    text = ""
    for event in out.split(b"\n\n"):
        if event and event != b"data: [DONE]":
            document: Any = json.loads(event.removeprefix(b"data: "))
            text += document["choices"][0]["delta"].get("content", "")
    return text, stream


@pytest.mark.case("FT-18")
@pytest.mark.parametrize(
    ("lines", "text"),
    [
        ([line(b"one "), line(b"two")], "one two"),
        ([line(rb"Trip \ud83d"), line(rb"\ude00!")], "Trip 😀!"),
        ([line(b"\xf0\x9f"), line(b"\x98\x80")], "😀"),
        ([line(rb"\ud83d"), line(b"plain")], "\ufffdplain"),
        ([line(b"bad \xff")], "bad \ufffd"),
        ([line(b"a\x00b\tc")], "ab\tc"),
        ([b"\xef\xbb\xbf", line(b"marked")], "marked"),
        ([b"\n", line(b"one"), b"null\n", b"{}\n", b'{"error":{}}\n', b'{"message":null}\n'], "one"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("together", [True, False])
def test_no_text_of_a_stream_is_lost(lines: list[bytes], text: str, together: bool) -> None:
    lines = [*lines, LAST]
    found, stream = converted([b"".join(lines)] if together else lines)
    assert found == text
    assert stream.is_intact and stream.finished


@pytest.mark.case("FT-18")
@pytest.mark.parametrize("bad", [b"{broken\n", b"[1]\n", b'"text"\n', b"<html>\n"])
def test_unreadable_line_is_removed_and_counted(bad: bytes) -> None:
    found, stream = converted([line(b"one "), bad + line(b"two"), LAST])
    assert (found, stream.dropped) == ("one two", 1)


@pytest.mark.case("AB-44")
def test_error_in_a_line_is_not_passed_on() -> None:
    found, stream = converted([line(b"one"), b'{"error":"sk-secret"}\n', LAST])
    assert found == "one"
    assert stream.upstream_error == b'"sk-secret"'
