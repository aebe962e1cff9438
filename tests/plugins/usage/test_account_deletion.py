"""What an account used is kept when it is deleted, without the account, its keys and its chats."""

from tests.plugins.usage.conftest import Ask, Rows, made_record

from portico.testing import Client, InProcessApp
from portico_usage import store
from portico_usage.components import UsagePlugin


def test_deleted_account_is_removed_from_calls_and_sums(
    usage: UsagePlugin, admin: Client, user: Client, rows: Rows
) -> None:
    group = admin.post("/api/v1/groups/create", {"name": "G", "description": ""}).json["id"]
    ids = {"user_ids": [user.account["id"]]}
    assert admin.post(f"/api/v1/groups/id/{group}/users/add", ids).status == 200
    user_id = user.account["id"]
    for key_id in ("k1", "k2"):
        usage.writer.add(made_record(user_id=user_id, key_id=key_id, chat_id="c"))
    usage.writer.add(made_record(user_id=admin.account["id"]))
    before = rows("usage_day")
    assert len(before) == 3

    assert admin.delete(f"/api/v1/users/{user_id}").status == 200
    usage.writer.add(
        made_record(user_id=user_id, key_id="k1", chat_id="c")
    )  # one that was under way

    calls, days = rows("usage_call"), rows("usage_day")
    ours = [row for row in calls if row["user_id"] != admin.account["id"]]
    assert len(ours) == 3
    assert {(row["user_id"], row["key_id"], row["chat_id"]) for row in ours} == {("", "", "")}
    assert len({row["group_set"] for row in ours} - {""}) == 1
    assert [row["group_id"] for row in rows("usage_group_set")] == [group]
    assert sum(day["input_tokens"] for day in days) == 40
    with_group = [day for day in days if day["group_set"]]
    assert [(day["user_id"], day["key_id"], day["calls"]) for day in with_group] == [("", "", 2)]


def test_account_with_many_calls_is_removed_whole(
    usage: UsagePlugin, app: InProcessApp, user: Client, rows: Rows
) -> None:
    for _ in range(store.FORGET_ROWS * 2 + 1):
        usage.writer.add(made_record(user_id=user.account["id"]))
    rows("usage_call")
    app.run(store.forget_account, user.account["id"])
    assert {row["user_id"] for row in rows("usage_call")} == {""}


def test_account_deleted_without_the_plugin_is_removed_at_its_start(
    usage: UsagePlugin, app: InProcessApp, admin: Client, user: Client, rows: Rows, ask: Ask
) -> None:
    async def leave_behind() -> None:
        await store.execute("UPDATE usage_call SET user_id = 'gone', key_id = 'k'")
        await store.execute("UPDATE usage_day SET user_id = 'gone'")

    ask(user)
    rows("usage_call")
    app.run(leave_behind)
    assert app.run(store.deleted_accounts) == ["gone"]
    app.run(usage.forget_deleted_accounts)
    [call], [day] = rows("usage_call"), rows("usage_day")
    assert (call["user_id"], call["key_id"], day["user_id"]) == ("", "", "")
