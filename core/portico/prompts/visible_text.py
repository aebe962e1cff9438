"""The text of a message as a person reads it: without reasoning, results of tools and pictures.

All in linear time: the texts are those of users and models.
"""

import re
from collections.abc import Sequence
from typing import Final

#: Characters of one message that are shown; more of it is cut out of its middle. A title does not need them, and a task
#: model may have a small context.
MAX_SHOWN_CHARS: Final = 20_000
#: Characters of one message that are searched for what is left out. Reasoning may be long, and the answer is behind it.
MAX_SEARCHED_CHARS: Final = 100_000
_GAP: Final = "\n[…]\n"

_DETAILS_TAG: Final = re.compile(r"<details(?=[\s>])|</details\s*+>", re.IGNORECASE)
_PICTURE: Final = re.compile(r"!\[[^\[\]]*+\]\([^()]*+\)")


def shown_text(text: str) -> str:
    """Return a text without `<details>` blocks and pictures, and without its middle if it is too long."""
    searched = without_middle(text, MAX_SEARCHED_CHARS)
    return without_middle(without_pictures(without_details(searched)).strip(), MAX_SHOWN_CHARS)


def without_middle(text: str, most: int) -> str:
    """Return a text of at most so many characters, and a mark where its middle was."""
    if len(text) <= most:
        return text
    half = most // 2
    return text[:half] + _GAP + text[-half:]


def without_details(text: str) -> str:
    """Return a text without its `<details>` blocks, with all that is in them. One without an end stays."""
    blocks: list[tuple[int, int]] = []
    open_at: list[int] = []
    for tag in _DETAILS_TAG.finditer(text):
        if not tag[0].endswith(">"):
            open_at.append(tag.start())
        elif open_at:
            start = open_at.pop()
            while blocks and blocks[-1][0] > start:  # they are inside of this one
                blocks.pop()
            blocks.append((start, tag.end()))
    return _without(text, blocks)


def without_pictures(text: str) -> str:
    """Return a text without the pictures of Markdown: `![description](address)`."""
    return _PICTURE.sub("", text)


def _without(text: str, blocks: Sequence[tuple[int, int]]) -> str:
    """Return a text without these parts, which are in order and do not overlap."""
    at, pieces = 0, []
    for start, end in blocks:
        pieces.append(text[at:start])
        at = end
    return "".join([*pieces, text[at:]])
