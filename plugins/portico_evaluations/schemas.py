"""JSON bodies of the routes of evaluations. Times are epoch seconds; `data`, `meta` and `snapshot` stay bytes."""

from typing import Annotated, Any, Literal

import msgspec

from portico.api.json import JSONObject


def _absent() -> msgspec.Raw:
    return msgspec.Raw(b"")  # a factory, because OpenAPI cannot show a default of this type


class FeedbackForm(msgspec.Struct, kw_only=True):
    """A rating of a reply. Owner, id and times cannot be set by the client.

    `data`: `rating` (1, -1), `model_id`, `sibling_model_ids`, `reason`, `comment`, `tags`, `details` with a `rating` from 1 to
    10, and further keys. `meta`: `chat_id` and `message_id` of the reply, and further keys. `snapshot`: a copy of the chat. On an
    update, what is missing or null stays as it is.
    """

    type: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    data: JSONObject = msgspec.field(default_factory=_absent)
    meta: JSONObject = msgspec.field(default_factory=_absent)
    snapshot: JSONObject = msgspec.field(default_factory=_absent)


class ListedFeedback(msgspec.Struct, kw_only=True):
    """A rating in a list. `version`: always 0."""

    id: str
    user_id: str
    version: int
    type: str
    data: JSONObject
    meta: JSONObject
    created_at: int
    updated_at: int


class FeedbackAuthor(msgspec.Struct, kw_only=True):
    """The account that has rated, as administrators see it."""

    id: str
    name: str
    email: str
    role: str
    last_active_at: int
    updated_at: int
    created_at: int


class AuthoredFeedback(ListedFeedback, kw_only=True):
    """A rating with its author; null in the list of one's own."""

    user: FeedbackAuthor | None


class FeedbackPage(msgspec.Struct, kw_only=True):
    """A page of the list. `total`: ratings on all pages."""

    items: list[AuthoredFeedback]
    total: int


class Feedback(ListedFeedback, kw_only=True):
    """A whole rating. `snapshot`: the copy of the chat; one without messages if none is stored, or the caller may not read it."""

    snapshot: JSONObject


class ExportedFeedback(ListedFeedback, kw_only=True):
    """A rating in an export. `snapshot`: null if none is stored, or the caller may not read it."""

    snapshot: JSONObject | None


class ArenaModelForm(msgspec.Struct, kw_only=True):
    """An arena model, as clients store it.

    `meta`: `model_ids`, a list or null = all; `filter_mode`, `exclude` = all except those; `access_control`, without which only
    administrators may use it; `description`, `profile_image_url`, and further keys.
    """

    id: str
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
    meta: dict[str, Any] = {}


class EvaluationConfig(msgspec.Struct, kw_only=True):
    """The arena models. What is missing or null stays as it is."""

    ENABLE_EVALUATION_ARENA_MODELS: bool | None = None
    EVALUATION_ARENA_MODELS: list[ArenaModelForm] | None = None


class EvaluationConfigAnswer(msgspec.Struct, kw_only=True):
    """The arena models in force. `pinned`: names of those settings that only the operator can change."""

    ENABLE_EVALUATION_ARENA_MODELS: bool
    EVALUATION_ARENA_MODELS: list[ArenaModelForm]
    pinned: list[str]


class RankedModel(msgspec.Struct, kw_only=True):
    """A model in the leaderboard, best first.

    `rating`: its strength on the scale of Elo, 1000 = average; null if none of its replies was compared with another model's.
    `won`, `lost`: comparisons. `thumbs_up`, `thumbs_down`: ratings.
    """

    model_id: str
    rating: int | None
    won: int
    lost: int
    thumbs_up: int
    thumbs_down: int


class TagCount(msgspec.Struct, kw_only=True):
    """A tag and the number of its ratings."""

    tag: str
    ratings: int


class LeaderboardView(msgspec.Struct, kw_only=True):
    """The leaderboard of all ratings, or of those with a tag. `tags`: the most frequent ones."""

    tag: str | None
    models: list[RankedModel]
    tags: list[TagCount]


#: By what the list is sorted; empty = by the time of the first rating.
FeedbackOrder = Literal["", "username", "model_id", "rating", "updated_at"]
