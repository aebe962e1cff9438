"""The tables of usage, for queries through Piccolo. The migrations create them."""

from piccolo.columns import BigInt, Boolean, Text
from piccolo.table import Table

from portico.api.db import TableSet


class UsageCallTable(Table, tablename="usage_call"):
    """One call of a model. Empty ids: none, or of a deleted account. `cost` null = the model had no price."""

    id = Text(primary_key=True, default="")
    at = BigInt()
    user_id = Text()
    group_set = Text()
    key_id = Text()
    chat_id = Text()
    operation = Text()
    model = Text()
    base_model = Text()
    source = Text()
    outcome = Text()
    input_tokens = BigInt()
    output_tokens = BigInt()
    cached_tokens = BigInt()
    reasoning_tokens = BigInt()
    is_estimated = Boolean()
    cost = BigInt(null=True, default=None)
    first_byte_ms = BigInt(null=True, default=None)
    duration_ms = BigInt()


class UsageDayTable(Table, tablename="usage_day"):
    """Sums of the calls of one day in UTC."""

    day = BigInt(primary_key=True)
    user_id = Text()
    group_set = Text()
    model = Text()
    base_model = Text()
    source = Text()
    key_id = Text()
    calls = BigInt()
    failed_calls = BigInt()
    estimated_calls = BigInt()
    unpriced_calls = BigInt()
    input_tokens = BigInt()
    output_tokens = BigInt()
    cached_tokens = BigInt()
    reasoning_tokens = BigInt()
    cost = BigInt()
    duration_ms = BigInt()


class UsageGroupSetTable(Table, tablename="usage_group_set"):
    """Groups that an account was in together."""

    id = Text(primary_key=True, default="")
    group_id = Text()


TABLES = TableSet(
    tables=(UsageCallTable, UsageDayTable, UsageGroupSetTable),
    migrations="portico_usage.migrations",
)
