"""Checks for `portico db check`: sums that differ from the ratings, as after a deletion while this plugin was disabled."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from portico.api.db import DatabaseCheck, execute, fetch_all_in_thread, transaction
from portico_evaluations import votes

BLOCK_SIZE: Final = 1000
_VOTES: Final = (
    "SELECT id, vote FROM evaluations_feedback WHERE id > $1 AND vote <> '' "  # noqa: S608 - a number alone
    f"ORDER BY id LIMIT {BLOCK_SIZE}"
)
_SCORES: Final = "SELECT tag, model_id, opponent_id, won, lost FROM evaluations_score"
_OF_OWNER: Final = (
    "(SELECT COUNT(*) FROM evaluations_feedback f WHERE f.user_id = evaluations_owner.user_id)",
    "(SELECT COALESCE(SUM(f.snapshot_bytes), 0) FROM evaluations_feedback f "
    "WHERE f.user_id = evaluations_owner.user_id)",
)
_OWNERS: Final = (
    f"SELECT COUNT(*) AS n FROM evaluations_owner WHERE feedbacks <> {_OF_OWNER[0]} "  # noqa: S608
    f"OR snapshot_bytes <> {_OF_OWNER[1]}"
)
_MEND_OWNERS: Final = (
    f"UPDATE evaluations_owner SET feedbacks = {_OF_OWNER[0]}, snapshot_bytes = {_OF_OWNER[1]}"  # noqa: S608
)


async def _expected() -> dict[votes.Place, tuple[int, int]]:
    won: Counter[votes.Place] = Counter()
    lost: Counter[votes.Place] = Counter()
    last = ""
    while rows := await fetch_all_in_thread(_VOTES, last):
        last = rows[-1]["id"]
        for vote in filter(None, (votes.read(row["vote"]) for row in rows)):
            (won if vote.rating > 0 else lost).update(vote.places())
    return {place: (won[place], lost[place]) for place in won.keys() | lost.keys()}


async def _find_sums() -> Sequence[str]:
    stored = {
        (row["tag"], row["model_id"], row["opponent_id"]): (row["won"], row["lost"])
        for row in await fetch_all_in_thread(_SCORES)
    }
    if stored == await _expected():
        return []
    return ["evaluations_score: the sums of the leaderboard are not those of the ratings."]


async def _repair_sums() -> None:
    async with transaction():
        await execute("DELETE FROM evaluations_score")
        last = ""
        while rows := await fetch_all_in_thread(_VOTES, last):
            last = rows[-1]["id"]
            await votes.count([votes.read(row["vote"]) for row in rows], [])


async def _find_owners() -> Sequence[str]:
    (found,) = await fetch_all_in_thread(_OWNERS)
    number = int(found["n"])
    if not number:
        return []
    rows = "row has" if number == 1 else "rows have"
    return [f"evaluations_owner: {number} {rows} wrong numbers of ratings or of bytes."]


async def _repair_owners() -> None:
    async with transaction():
        await execute(_MEND_OWNERS)


def checks() -> list[DatabaseCheck]:
    """Return the checks of this plugin."""
    return [
        DatabaseCheck("evaluations_score", _find_sums, _repair_sums),
        DatabaseCheck("evaluations_owner", _find_owners, _repair_owners),
    ]
