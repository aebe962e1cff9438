"""Trigrams: every three neighbouring characters of a text, in any script.

A text contains a phrase only if it contains the phrase's trigrams. Each text ends with two end marks, so that a
trigram begins at every character; a phrase of one or two characters is then the prefix of a trigram and needs no
index of its own. The index only selects candidates: their texts are compared with the phrase itself.
"""

import hashlib
from functools import lru_cache
from typing import Final

import msgspec

TRIGRAM_CHARS: Final = 3
#: Marks the end of a text. If a text contains it, a few more texts are compared.
END_MARK: Final = "\x01"
#: Number of trigrams that are looked up for a longer phrase, spread over it; more are slower and hardly more exact.
MAX_LOOKUPS: Final = 8
#: Characters of the prefix that separates the trigrams of accounts. Two accounts may share one.
_PREFIX_CHARS: Final = 5


class TrigramQuery(msgspec.Struct, frozen=True):
    """What a text with the phrase has: all of these trigrams, or one that starts with `prefix`."""

    trigrams: tuple[str, ...] = ()
    prefix: str = ""


@lru_cache(maxsize=1024)
def owner_prefix(owner_id: str) -> str:
    """Return the prefix of an account's trigrams, so that a search costs what this account has, not what all have.

    The same in SQL: `chats_grams` of the migration.
    """
    return hashlib.sha256(owner_id.encode()).hexdigest()[:_PREFIX_CHARS]


def trigrams(text: str) -> set[str]:
    """Return all trigrams of a text."""
    ended = text + END_MARK * (TRIGRAM_CHARS - 1)
    return {ended[at : at + TRIGRAM_CHARS] for at in range(len(text))}


def query_for(phrase: str) -> TrigramQuery:
    """Return what to look up for a phrase that is not empty."""
    if len(phrase) < TRIGRAM_CHARS:
        return TrigramQuery(prefix=phrase)
    last = len(phrase) - TRIGRAM_CHARS
    # Adjacent trigrams as far as that many suffice; always the last one, because it ends the phrase.
    step = max(TRIGRAM_CHARS, -(-last // (MAX_LOOKUPS - 1)))
    places = [*range(0, last, step), last]
    return TrigramQuery(
        trigrams=tuple(dict.fromkeys(phrase[at : at + TRIGRAM_CHARS] for at in places))
    )
