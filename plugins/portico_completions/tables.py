"""Tables of replies in the making, for queries through Piccolo. The migrations create them."""

from piccolo.columns import BigInt, Text
from piccolo.table import Table

from portico.api.db import TableSet


class ReplyTable(Table, tablename="completions_reply"):
    """Replies in the making. `id`: also the id of the task that clients list and stop."""

    id = Text(primary_key=True, default="")
    user_id = Text()
    chat_id = Text()
    message_id = Text()
    instance_id = Text()
    started_at = BigInt()


class ReplyChangeTable(Table, tablename="completions_reply_change"):
    """The text of replies in the making: from character `start` on it was replaced by `text`."""

    reply_id = Text(primary_key=True, default="")
    number = BigInt()
    start = BigInt()
    text = Text()


class UnheardEndTable(Table, tablename="completions_unheard_end"):
    """Ends of replies that no client has received yet."""

    reply_id = Text(primary_key=True, default="")
    user_id = Text()
    chat_id = Text()
    message_id = Text()
    outcome = Text()
    reason = Text()
    ended_at = BigInt()


TABLES = TableSet(
    tables=(ReplyTable, ReplyChangeTable, UnheardEndTable),
    migrations="portico_completions.migrations",
)
