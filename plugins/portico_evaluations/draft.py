"""What is stored of a rating: the client's words, checked against the reply that is rated."""

from collections.abc import Container, Sequence
from typing import Any, Final

import msgspec

from portico.api import InvalidRequest
from portico.api.interfaces import ReplyModels
from portico_evaluations import votes
from portico_evaluations.feedback_content import Rating

OTHER_MODEL: Final = "[ERROR: data.model_id: this reply is not of this model]"


class FeedbackDraft(msgspec.Struct, frozen=True, kw_only=True):
    """A rating as it is stored. `data`: without the comment."""

    model_id: str
    rating: int
    vote: votes.Vote | None
    data: str
    comment: str | None


def draft_of(
    rating: Rating, model_id: str, reply: ReplyModels, known: Container[str]
) -> FeedbackDraft:
    """Return what is stored of `data`.

    Siblings that the chat does not have are left out. Only models in `known`, which exist here, are counted. Raises: TooLarge.
    """
    fields, siblings = rating.fields, _siblings(rating, reply)
    vote = None
    if model_id in known:
        opponents = [one for one in siblings or () if one in known]
        vote = votes.vote_of(model_id, fields.rating, opponents, fields.tags or ())
    return FeedbackDraft(
        model_id=model_id,
        rating=fields.rating or 0,
        vote=vote,
        data=rating.document(model_id, siblings),
        comment=fields.comment,
    )


def stored_draft(row: dict[str, Any]) -> FeedbackDraft:
    """Return what a row has."""
    return FeedbackDraft(
        model_id=row["model_id"],
        rating=row["rating"],
        vote=votes.read(row["vote"]),
        data=row["data"],
        comment=row["comment"],
    )


def rated_model(rating: Rating, reply: ReplyModels) -> str:
    """Return the model that is rated; empty if it is not known.

    Raises: InvalidRequest for a model that the reply is not of.
    """
    named = rating.fields.model_id
    if named and reply.model_ids and named not in reply.model_ids:
        raise InvalidRequest(OTHER_MODEL)
    # The last one has answered: an arena model comes before the one that it has picked.
    return named or (reply.model_ids[-1] if reply.model_ids else "")


def recorded_reply(row: dict[str, Any]) -> ReplyModels:
    """Return what a rating has recorded of a reply whose chat was deleted."""
    vote = votes.read(row["vote"])
    return ReplyModels([row["model_id"]], vote.opponents if vote else ())


def _siblings(rating: Rating, reply: ReplyModels) -> Sequence[str] | None:
    named = rating.fields.sibling_model_ids
    if named is None:
        return None
    return [one for one in named if one is not None and one in reply.sibling_ids]
