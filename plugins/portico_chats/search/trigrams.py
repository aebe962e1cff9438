"""Grams: every three neighbouring characters of a text, whatever its script.

A text holds a phrase only if it holds the phrase's grams. Each text ends with two marks, so that a gram begins at
every character; a phrase of one or two characters is then the beginning of a gram, and needs no index of its own.
The index only says where to look: texts are compared with the phrase itself.
"""

import hashlib
from typing import Final

import msgspec

GRAM: Final = 3
#: Stands behind the end of a text. A text may hold it as well: then a few more are compared in vain.
END: Final = "\x01"
#: Grams that are looked up of a longer phrase. They lie spread over it; more make it slower, hardly more exact.
MOST: Final = 8
#: Characters of the mark that keeps the grams of people apart. Two people may share one.
_MARK: Final = 5


class TrigramQuery(msgspec.Struct, frozen=True):
    """What a text that holds a phrase has: all of these grams, or one that `begins` like that."""

    grams: tuple[str, ...] = ()
    begins: str = ""


def owner_prefix(owner_id: str) -> str:
    """What stands before the grams of somebody's texts, so that a search costs what its owner has, not all have.

    The same in SQL: `chats_grams` of the migration.
    """
    return hashlib.sha256(owner_id.encode()).hexdigest()[:_MARK]


def trigrams(text: str) -> set[str]:
    """All grams of a text."""
    ended = text + END * (GRAM - 1)
    return {ended[at : at + GRAM] for at in range(len(text))}


def query_for(phrase: str) -> TrigramQuery:
    """What to look up for a phrase that is not empty."""
    if len(phrase) < GRAM:
        return TrigramQuery(begins=phrase)
    last = len(phrase) - GRAM
    # Side by side as far as that is enough of them; the last gram always, for it ends the phrase.
    step = max(GRAM, -(-last // (MOST - 1)))
    places = [*range(0, last, step), last]
    return TrigramQuery(grams=tuple(dict.fromkeys(phrase[at : at + GRAM] for at in places)))
