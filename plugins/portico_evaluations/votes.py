"""What ratings add to the sums of models. A rating can be taken back, so the sums are those of the ratings there are."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

import msgspec

from portico.api.db import MAX_ROWS_PER_STATEMENT, chunks, execute, placeholder_rows
from portico.api.text import likeness

#: Tags, and other models, for which one rating counts.
MAX_COUNTED: Final = 8
#: Characters of a tag that is counted.
MAX_TAG_CHARS: Final = 64

_WIDTH: Final = 5
_ADD: Final = (
    "INSERT INTO evaluations_score (tag, model_id, opponent_id, won, lost) VALUES {} "
    "ON CONFLICT (tag, model_id, opponent_id) DO UPDATE SET "
    "won = evaluations_score.won + excluded.won, lost = evaluations_score.lost + excluded.lost"
)
_DROP_EMPTY: Final = "DELETE FROM evaluations_score WHERE won = 0 AND lost = 0"

#: Tag, model, opponent.
Place: TypeAlias = tuple[str, str, str]


class Vote(msgspec.Struct, frozen=True, array_like=True):
    """A rating that counts. `rating`: 1 or -1. `opponents`: models of other replies to the same prompt."""

    model_id: str
    rating: int
    opponents: tuple[str, ...]
    tags: tuple[str, ...]

    def places(self) -> list[Place]:
        """Return where it is counted."""
        return [
            (tag, self.model_id, opponent)
            for tag in ("", *self.tags)
            for opponent in ("", *self.opponents)
        ]


_VOTE = msgspec.json.Decoder(Vote)


def tag_key(tag: str) -> str:
    """Return the tag under which ratings are counted: without case and surrounding blanks; empty = it is not counted."""
    key = likeness(tag.strip())
    is_storable = len(key) <= MAX_TAG_CHARS and "\x00" not in key and key.isprintable()
    return key if is_storable else ""


def vote_of(
    model_id: str, rating: int | None, opponents: Iterable[str], tags: Iterable[str]
) -> Vote | None:
    """Return the vote of a rating; None if it has no thumb."""
    if not rating:
        return None
    others = dict.fromkeys(one for one in opponents if one != model_id)
    keys = dict.fromkeys(key for key in map(tag_key, tags) if key)
    return Vote(model_id, rating, tuple(others)[:MAX_COUNTED], tuple(keys)[:MAX_COUNTED])


def stored(vote: Vote | None) -> str:
    """Return a vote as text; empty = none."""
    return "" if vote is None else msgspec.json.encode(vote).decode()


def read(text: str) -> Vote | None:
    """Return the vote of a row."""
    return _VOTE.decode(text) if text else None


async def count(new: Sequence[Vote | None], removed: Sequence[Vote | None]) -> None:
    """Add votes to the sums, and take others back. In a transaction, after the owner's row was locked."""
    won: Counter[Place] = Counter()
    lost: Counter[Place] = Counter()
    for votes, number in ((new, 1), (removed, -1)):
        for vote in votes:
            if vote is not None:
                sums = won if vote.rating > 0 else lost
                for place in vote.places():
                    sums[place] += number
    # Sorted, so that two writers never wait for each other in a circle.
    rows = [
        (*place, won[place], lost[place])
        for place in sorted(won.keys() | lost.keys())
        if won[place] or lost[place]
    ]
    for some in chunks(rows, MAX_ROWS_PER_STATEMENT):
        values = (value for row in some for value in row)
        await execute(_ADD.format(placeholder_rows(len(some), _WIDTH)), *values)
    if any(min(row[3:]) < 0 for row in rows):
        await execute(_DROP_EMPTY)
