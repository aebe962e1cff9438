"""Tables of evaluations, for queries through Piccolo. The migrations create them."""

from piccolo.columns import BigInt, Text
from piccolo.table import Table

from portico.api.db import TableSet


class FeedbackOwnerTable(Table, tablename="evaluations_owner"):
    """One row per account that has or had ratings, locked by writers."""

    user_id = Text(primary_key=True, default="")
    feedbacks = BigInt()
    snapshot_bytes = BigInt()


class FeedbackTable(Table, tablename="evaluations_feedback"):
    """Ratings of replies. `vote`, `meta`, `data` and `snapshot` hold JSON."""

    id = Text(primary_key=True, default="")
    user_id = Text()
    chat_id = Text()
    message_id = Text()
    type = Text()
    model_id = Text()
    rating = BigInt()
    version = BigInt()
    created_at = BigInt()
    updated_at = BigInt()
    snapshot_bytes = BigInt()
    vote = Text()
    meta = Text()
    data = Text()
    comment = Text(null=True, default=None)
    snapshot = Text(null=True, default=None)


class ScoreTable(Table, tablename="evaluations_score"):
    """Sums of ratings by tag, model and the model that it was compared with."""

    tag = Text(primary_key=True, default="")
    model_id = Text()
    opponent_id = Text()
    won = BigInt()
    lost = BigInt()


TABLES = TableSet(
    tables=(FeedbackOwnerTable, FeedbackTable, ScoreTable),
    migrations="portico_evaluations.migrations",
)
