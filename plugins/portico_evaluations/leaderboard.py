"""The leaderboard: models by the ratings of their replies.

It is computed from the sums of ratings (`votes.py`), so its cost depends on the number of models, and not of ratings. The
strength of a model is that of the Bradley-Terry model: it does not depend on the order of the ratings, unlike Elo's own
formula, and is shown on Elo's scale. Source: Hunter, MM algorithms for generalized Bradley-Terry models (2004).
"""

import asyncio
import math
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from typing import Final, TypeAlias

from portico.api import AppContext, TTLCache
from portico.api.db import fetch_all
from portico_evaluations.schemas import LeaderboardView, RankedModel, TagCount
from portico_evaluations.votes import tag_key

#: Rating of an average model, and the difference at which the better one wins ten comparisons of eleven.
MEAN_RATING: Final = 1000
RATING_SCALE: Final = 400
#: Comparisons that each model is taken to have won, and lost, against an average one: few real ones say little.
PRIOR: Final = 1.0
MAX_ROUNDS: Final = 500
PRECISION: Final = 1e-6
#: Tags in the answer.
MAX_TAGS: Final = 100
#: Rows of sums from which on the strengths are computed in a thread.
LARGE_ROWS: Final = 50
#: Rows of sums that are read: those of seventy models that were all compared with one another.
MAX_ROWS: Final = 5000

_SCORES: Final = (
    "SELECT model_id, opponent_id, won, lost FROM evaluations_score WHERE tag = $1 "  # noqa: S608 - a number alone
    f"ORDER BY won + lost DESC, model_id, opponent_id LIMIT {MAX_ROWS}"
)
_TAGS: Final = (
    "SELECT tag, SUM(won + lost) AS ratings FROM evaluations_score "  # noqa: S608 - a number alone
    f"WHERE opponent_id = '' AND tag <> '' GROUP BY tag ORDER BY SUM(won + lost) DESC, tag LIMIT {MAX_TAGS}"
)

#: Won and lost comparisons by model and opponent.
Comparisons: TypeAlias = Mapping[tuple[str, str], tuple[int, int]]


class Leaderboard:
    """Leaderboards of all ratings and of single tags. Another instance follows a new rating within a second."""

    def __init__(self, app: AppContext) -> None:
        ttl = app.settings.identity.derived_cache_seconds
        self._views: TTLCache[str, LeaderboardView] = TTLCache(ttl)

    async def of(self, tag: str) -> LeaderboardView:
        """Return the leaderboard of the ratings with a tag; empty = of all."""
        key = tag_key(tag)
        if tag.strip() and not key:  # no rating is counted under it
            return LeaderboardView(tag=tag.strip()[:256], models=[], tags=await _tags())
        found = await self._views.get_or_load(key, self._load)
        assert found is not None
        return found

    def clear(self) -> None:
        """Read the sums again: a rating was changed."""
        self._views.clear()

    async def _load(self, key: str) -> LeaderboardView:
        rows = await fetch_all(_SCORES, key)
        compared = {
            (row["model_id"], row["opponent_id"]): (int(row["won"]), int(row["lost"]))
            for row in rows
        }
        if len(rows) < LARGE_ROWS:
            models = ranked(compared)
        else:
            models = await asyncio.to_thread(ranked, compared)
        return LeaderboardView(tag=key or None, models=models, tags=await _tags())


def ranked(sums: Comparisons) -> list[RankedModel]:
    """Return the models of these sums, the best first. Sums without an opponent are the ratings themselves."""
    thumbs = {model: counts for (model, opponent), counts in sums.items() if not opponent}
    compared = {pair: counts for pair, counts in sums.items() if pair[1]}
    won: Counter[str] = Counter()
    lost: Counter[str] = Counter()
    for (model, opponent), (wins, losses) in compared.items():
        won += Counter({model: wins, opponent: losses})
        lost += Counter({model: losses, opponent: wins})
    found = strengths(compared)
    models = [
        RankedModel(
            model_id=model,
            rating=_rating(found[model]) if model in found else None,
            won=won[model],
            lost=lost[model],
            thumbs_up=thumbs.get(model, (0, 0))[0],
            thumbs_down=thumbs.get(model, (0, 0))[1],
        )
        for model in thumbs.keys() | found.keys()
    ]
    return sorted(
        models,
        key=lambda one: (
            -(one.rating or -math.inf),
            one.thumbs_down - one.thumbs_up,
            one.model_id,
        ),
    )


def strengths(compared: Comparisons) -> dict[str, float]:
    """Return the strength of each model; of two, the first wins with the probability `a / (a + b)`. 1 = average."""
    won: defaultdict[str, float] = defaultdict(lambda: PRIOR)
    games: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for (model, opponent), (wins, losses) in compared.items():
        won[model] += wins
        won[opponent] += losses
        games[model][opponent] += wins + losses
        games[opponent][model] += wins + losses
    found = dict.fromkeys(games, 1.0)
    for _ in range(MAX_ROUNDS):
        change = 0.0
        for model, played in games.items():
            before = found[model]
            expected = sum(number / (before + found[other]) for other, number in played.items())
            found[model] = won[model] / (expected + 2 * PRIOR / (before + 1))
            change = max(change, abs(found[model] / before - 1))
        scale = _scale(found.values())
        found = {model: strength * scale for model, strength in found.items()}
        if change < PRECISION:
            break
    return found


def _scale(found: Collection[float]) -> float:
    """Return by how much all strengths are wrong together: only the prior says that, so rounds alone mend it slowly."""
    chances = [strength / (strength + 1) for strength in found]
    slope = sum(chance * (1 - chance) for chance in chances)
    step = (len(chances) / 2 - sum(chances)) / slope if slope else 0.0
    return math.exp(max(-1.0, min(1.0, step)))


def _rating(strength: float) -> int:
    return round(MEAN_RATING + RATING_SCALE * math.log10(strength))


async def _tags() -> list[TagCount]:
    return [TagCount(tag=row["tag"], ratings=int(row["ratings"])) for row in await fetch_all(_TAGS)]
