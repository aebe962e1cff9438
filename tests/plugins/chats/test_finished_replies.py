"""What a window that is behind sends does not replace a reply that the server has finished."""

import json
from typing import Any

import pytest

from portico_chats.content.message_body import with_finished_reply

OPEN = '<details type="reasoning" done="false">\n<summary>Thinking…</summary>\n&gt; hm\n</details>'
CLOSED = '<details type="reasoning" done="true" duration="3">\n<summary>Thought for 3 seconds</summary>\n&gt; hm\n</details>\n'
FINISHED = {"content": CLOSED + "The answer", "done": True, "usage": {"total_tokens": 3}}


def body(**fields: Any) -> str:
    return json.dumps({"id": "a", **fields}, separators=(",", ":"), ensure_ascii=False)


def merged(sent: dict[str, Any], stored: dict[str, Any]) -> Any:
    found = json.loads(with_finished_reply(body(**sent), body(**stored)))
    del found["id"]
    return found


@pytest.mark.parametrize(
    "sent",
    [
        {"content": ""},
        {"content": OPEN},
        {"content": CLOSED + "The ans"},
        {"content": CLOSED + "The answer", "done": False},
        {"content": CLOSED, "done": None},
        # Something else in the message is done.
        {"content": CLOSED, "statusHistory": [{"done": True}]},
    ],
)
def test_text_so_far_does_not_replace_the_finished_reply(sent: dict[str, Any]) -> None:
    assert merged(sent, FINISHED) == {**sent, **FINISHED}


@pytest.mark.parametrize(
    "sent",
    [
        {"content": "edited", "done": True},
        {"content": "", "done": True},
        {"content": "edited"},
        {"content": "edited " + OPEN},
        {"content": [{"type": "text", "text": "edited"}]},
    ],
)
def test_edited_text_is_stored(sent: dict[str, Any]) -> None:
    assert merged(sent, FINISHED) == sent


@pytest.mark.parametrize(
    "stored",
    [
        {"content": "The answer is"},
        {"content": "The answer is", "done": False},
        {"content": "The answer is", "statusHistory": [{"done": True}]},
    ],
)
def test_reply_that_is_not_finished_is_replaced(stored: dict[str, Any]) -> None:
    assert merged({"content": "The"}, stored) == {"content": "The"}


def test_error_of_an_interrupted_reply_stays() -> None:
    interrupted = {"content": "The", "done": True, "error": {"type": "interrupted", "content": "x"}}
    assert merged({"content": "T"}, interrupted) == interrupted
