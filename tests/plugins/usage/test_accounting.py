"""Each call of a model leaves a row and is added to the sums of its day, once."""

import pytest
from tests.api_keys import ON, new_key
from tests.plugins.usage.conftest import Ask, Rows, made_record

from portico.testing import Client
from portico_usage.components import UsagePlugin


def test_call_leaves_a_row_with_reported_tokens(ask: Ask, user: Client, rows: Rows) -> None:
    ask(user)
    [row] = rows("usage_call")
    assert row["user_id"] == user.account["id"]
    assert (row["model"], row["base_model"], row["operation"]) == ("reasoning", "reasoning", "chat")
    assert (row["input_tokens"], row["output_tokens"], row["is_estimated"]) == (1, 2, False)
    assert (row["outcome"], row["key_id"], row["chat_id"], row["cost"]) == (
        "completed",
        "",
        "",
        None,
    )
    assert 0 <= row["first_byte_ms"] <= row["duration_ms"]


@pytest.mark.parametrize("stream", [True, False])
def test_tokens_of_a_source_that_reports_none_are_estimated(
    ask: Ask, user: Client, rows: Rows, stream: bool
) -> None:
    ask(user, "good", stream=stream)
    [row] = rows("usage_call")
    assert row["is_estimated"]
    assert 5 <= row["output_tokens"] <= 20 and 5 <= row["input_tokens"] <= 30


@pytest.mark.parametrize(
    ("model", "outcome", "has_output"),
    [("status-500", "failed", False), ("cut", "failed", True), ("error-first", "failed", False)],
)
def test_failed_call_is_accounted_with_what_was_received(
    ask: Ask, user: Client, rows: Rows, model: str, outcome: str, has_output: bool
) -> None:
    ask(user, model)
    [row] = rows("usage_call")
    assert (row["outcome"], row["output_tokens"] > 0) == (outcome, has_output)


def test_sums_of_the_day_are_those_of_the_calls(
    ask: Ask, user: Client, admin: Client, rows: Rows
) -> None:
    for client, model in (
        (user, "reasoning"),
        (user, "reasoning"),
        (user, "status-500"),
        (admin, "good"),
    ):
        ask(client, model)
    calls, days = rows("usage_call"), rows("usage_day")
    assert len(calls) == 4 and len(days) == 3
    for name in ("input_tokens", "output_tokens", "duration_ms"):
        assert sum(day[name] for day in days) == sum(call[name] for call in calls)
    by_model = {day["model"]: day for day in days}
    assert (by_model["reasoning"]["calls"], by_model["reasoning"]["failed_calls"]) == (2, 0)
    assert (by_model["status-500"]["calls"], by_model["status-500"]["failed_calls"]) == (1, 1)
    assert by_model["good"]["estimated_calls"] == 1
    assert all(day["day"] % 86400 == 0 and day["unpriced_calls"] == day["calls"] for day in days)


@pytest.mark.both_databases
def test_call_written_twice_counts_once(rows: Rows, usage: UsagePlugin) -> None:
    record = made_record()
    usage.writer.add(record)
    first = rows("usage_day")
    usage.writer.add(record)  # as after a commit whose confirmation was lost
    assert rows("usage_day") == first and len(rows("usage_call")) == 1


@pytest.mark.parametrize("chat_id", ["a\x00b", "x" * 1000, "\ud83d", "local:7"])
def test_only_storable_chat_ids_are_stored(
    rows: Rows, usage: UsagePlugin, user: Client, chat_id: str
) -> None:
    usage.writer.add(made_record(chat_id=chat_id, user_id=user.account["id"]))
    [row] = rows("usage_call")
    assert row["chat_id"] == ("local:7" if chat_id == "local:7" else "")


def test_call_that_cannot_be_stored_takes_no_other_with_it(rows: Rows, usage: UsagePlugin) -> None:
    for model in ("good", "bad \ud83d", "better"):
        usage.writer.add(made_record(model=model))
    assert sorted(row["model"] for row in rows("usage_call")) == ["better", "good"]
    assert usage.writer.queued == 0


@pytest.mark.parametrize("count", [3, 250])
def test_many_calls_are_one_row_of_the_day(rows: Rows, usage: UsagePlugin, count: int) -> None:
    for _ in range(count):
        usage.writer.add(made_record())
    [day] = rows("usage_day")
    assert (day["calls"], day["input_tokens"], day["output_tokens"]) == (
        count,
        10 * count,
        5 * count,
    )


class TestKeys:
    @pytest.fixture
    def env(self, env: dict[str, str]) -> dict[str, str]:
        return env | ON

    def test_call_with_an_api_key_names_the_key(self, ask: Ask, admin: Client, rows: Rows) -> None:
        made = new_key(admin)
        ask(Client(admin.transport, made["api_key"]))
        [row] = rows("usage_call")
        assert (row["user_id"], row["key_id"]) == (admin.account["id"], made["id"])
        assert admin.get(f"/api/v1/usage?key={made['id']}").json["total"]["calls"] == 1
