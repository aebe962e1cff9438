"""Reads what a task model answers: one JSON object, with or without other text around it."""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from portico.api.json import sanitize_json
from portico.api.prompts import content_text

#: Bytes of an answer that are read. What is asked for has some hundred.
MAX_ANSWER_BYTES: Final = 512 * 1024
#: Characters of a title, and of a follow-up question; more of them is cut off.
MAX_TITLE_CHARS: Final = 200
MAX_QUESTION_CHARS: Final = 1000
#: Follow-up questions of a message, and tags of a chat, at most.
MAX_QUESTIONS: Final = 10
MAX_TAGS: Final = 10


class _AnswerMessage(msgspec.Struct):
    content: Any = None
    reasoning_content: Any = None


class _AnswerChoice(msgspec.Struct):
    message: _AnswerMessage | None = None


class _TaskAnswer(msgspec.Struct):
    choices: list[_AnswerChoice] = []


def answer_text(body: bytes) -> str:
    """Return the text of a completion: its content, else its reasoning; empty if it has none."""
    if len(body) > MAX_ANSWER_BYTES:
        return ""
    try:
        found = msgspec.json.decode(sanitize_json(body), type=_TaskAnswer)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ""
    message = found.choices[0].message if found.choices else None
    if message is None:
        return ""
    return content_text(message.content) or content_text(message.reasoning_content)


def read_title(text: str) -> str:
    """Return the title in an answer; empty if there is none."""
    title = _value(text, "title")
    return as_title(title) if isinstance(title, str) else ""


def as_title(text: str) -> str:
    """Return a text as the title of a chat: one line, and not too long."""
    return _one_line(text, MAX_TITLE_CHARS)


def read_follow_ups(text: str) -> list[str]:
    """Return the follow-up questions in an answer."""
    return _texts(_value(text, "follow_ups"), MAX_QUESTIONS, MAX_QUESTION_CHARS)


def read_tags(text: str) -> list[str]:
    """Return the names of tags in an answer. They may be too long for one."""
    return _texts(_value(text, "tags"), MAX_TAGS, MAX_QUESTION_CHARS)


def _value(text: str, key: str) -> Any:
    """Return the value of a key in the object of an answer; None if there is none."""
    for candidate in _objects(text):
        try:
            found = msgspec.json.decode(candidate)
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            continue
        if isinstance(found, dict) and key in found:
            return found[key]
    return None


def _objects(text: str) -> Iterator[str]:
    """Yield what may be the object: from the first brace to the last, else the last that has no braces inside.

    A model may think in braces before it answers.
    """
    end = text.rfind("}") + 1
    for start in dict.fromkeys((text.find("{"), text.rfind("{", 0, end))):
        if 0 <= start < end:
            yield text[start:end]


def _texts(value: Any, most: int, chars: int) -> list[str]:
    """Return the distinct texts of a list. What has another shape is left out."""
    items = value if isinstance(value, list) else []
    texts = (_one_line(item, chars) for item in items if isinstance(item, str))
    return list(dict.fromkeys(text for text in texts if text))[:most]


def _one_line(text: str, chars: int) -> str:
    return " ".join(text[: chars * 4].split())[:chars].strip()
