"""Text of a ChatGPT message. Source: the `content_type`s of ChatGPT exports."""

from typing import Any

import msgspec


class Content(msgspec.Struct):
    """The content of a message; its fields depend on `content_type`."""

    content_type: str = "text"
    parts: list[Any] | None = None
    text: Any = None
    result: Any = None
    content: Any = None
    thoughts: list[Any] | None = None
    language: Any = None


def pieces(content: Content) -> list[str]:
    """Return its texts, in order. Empty ones stand for content without text, such as pictures."""
    match content.content_type:
        case "user_editable_context" | "model_editable_context":
            return []  # context about the user, not a message
        case "code":
            language = content.language if isinstance(content.language, str) else ""
            return _fenced(content.text, "" if language == "unknown" else language)
        case "execution_output":
            return _fenced(content.text, "")
        case "thoughts":
            return [text for one in content.thoughts or () for text in _thought(one)]
    if content.parts is not None:
        return [text for part in content.parts for text in _part(part)]
    return [
        text
        for text in (content.text, content.result, content.content)
        if isinstance(text, str) and text
    ]


def _part(part: Any) -> list[str]:
    if isinstance(part, str):
        return [part] if part else []
    if isinstance(part, dict):
        text = part.get("text")
        return [text if isinstance(text, str) else ""]
    return [] if part is None else [""]


def _thought(thought: Any) -> list[str]:
    if not isinstance(thought, dict):
        return []
    texts = (thought.get("summary"), thought.get("content"))
    return ["> " + text.replace("\n", "\n> ") for text in texts if isinstance(text, str) and text]


def _fenced(text: Any, language: str) -> list[str]:
    if not isinstance(text, str) or not text.strip():
        return []
    fence = "```"
    while fence in text:
        fence += "`"
    return [f"{fence}{language}\n{text}\n{fence}"]
