"""Lists of all ratings, the export, and who sees copies of chats."""

import csv
import io

import pytest
from tests.plugins.evaluations.conftest import ALL, FEEDBACK, ROOT, chat_of, new_chat, rate

from portico.db import execute, transaction
from portico.testing import Client, InProcessApp

EXPORT = f"{ALL}/export"
PAGE = f"{ROOT}/feedbacks/list"


@pytest.mark.both_databases
def test_lists_have_what_the_web_client_reads(admin: Client, ann: Client, bob: Client) -> None:
    copied = {"chat": {"chat": chat_of("beta", "alpha")}}
    old = rate(ann, new_chat(ann, "beta", "alpha"), -1, comment="Long", snapshot=copied)
    new = rate(bob, new_chat(bob, "alpha"), tags=["x"])

    light = admin.get(ALL).json
    assert {one["id"] for one in light} == {old["id"], new["id"]}
    assert not any("snapshot" in one or one["data"]["comment"] for one in light)
    assert {one["data"]["model_id"] for one in light} == {"alpha", "beta"}
    exported = {one["id"]: one for one in admin.get(EXPORT).json}
    assert exported == {old["id"]: old, new["id"]: new | {"snapshot": None}}

    def ids(query: str) -> list[str]:
        page = admin.get(f"{PAGE}?{query}").json
        assert page["total"] == 2
        return [one["id"] for one in page["items"]]

    for key, first in (("username", old), ("model_id", new), ("rating", old)):
        other = new if first is old else old
        assert ids(f"order_by={key}&direction=asc&page=1") == [first["id"], other["id"]], key
        assert ids(f"order_by={key}&direction=desc") == [other["id"], first["id"]], key
    assert set(ids("order_by=updated_at&direction=desc")) == set(ids("")) == {old["id"], new["id"]}
    assert ids("page=2") == [] and len(ids("page=-1")) == 2
    (item,) = (one for one in admin.get(PAGE).json["items"] if one["id"] == old["id"])
    assert "snapshot" not in item and item["data"] == old["data"]
    assert item["user"]["name"] == "Ann" and item["user"]["email"] == "ann@example.org"
    assert set(item["user"]) == {
        "id", "name", "email", "role", "last_active_at", "updated_at", "created_at",
    }  # fmt: skip
    for query in ("order_by=secret", "order_by=id;--", "direction=up", "page=x"):
        assert admin.get(f"{PAGE}?{query}").status == 422, query
    assert admin.get(f"{EXPORT}?format=xml").status == 422


def test_csv_has_no_formulas_and_no_chats(admin: Client, ann: Client) -> None:
    rate(
        ann,
        new_chat(ann, "alpha"),
        comment='=HYPERLINK("http://evil")',
        reason="@SUM(1)",
        tags=["-2+3", "x"],
        details={"rating": 7},
        snapshot={"chat": {"chat": chat_of("alpha")}},
    )

    answer = admin.get(f"{EXPORT}?format=csv")

    assert answer.headers["content-type"].startswith("text/csv")
    assert 'filename="feedback.csv"' in answer.headers["content-disposition"]
    (row,) = csv.DictReader(io.StringIO(answer.body.decode()))
    assert row["comment"] == '\'=HYPERLINK("http://evil")' and row["reason"] == "'@SUM(1)"
    assert (row["tags"], row["rating"], row["details"], row["model_id"]) == (
        "'-2+3 x",
        "1",
        "7",
        "alpha",
    )
    assert b"I am alpha" not in answer.body


@pytest.mark.both_databases
@pytest.mark.case("AB-52")
@pytest.mark.parametrize("switch", ["ENABLE_ADMIN_CHAT_ACCESS", "ENABLE_ADMIN_EXPORT"])
def test_copies_of_chats_follow_the_switches_of_administrators(
    env: dict[str, str], request: pytest.FixtureRequest, switch: str
) -> None:
    env[switch] = "false"
    admin: Client = request.getfixturevalue("admin")
    ann: Client = request.getfixturevalue("ann")
    copied = {"chat": {"chat": chat_of("alpha")}}
    made = rate(ann, new_chat(ann, "alpha"), snapshot=copied, comment="Fine")
    own = rate(admin, new_chat(admin, "alpha"), snapshot=copied)

    assert ann.get(f"{FEEDBACK}/{made['id']}").json["snapshot"] == copied
    seen = admin.get(f"{FEEDBACK}/{made['id']}").json
    exported = {one["id"]: one for one in admin.get(EXPORT).json}
    assert seen["data"]["comment"] == exported[made["id"]]["data"]["comment"] == "Fine"
    messages = seen["snapshot"]["chat"]["chat"]["history"]["messages"]
    if switch == "ENABLE_ADMIN_CHAT_ACCESS":
        # The administrator's own chat is the administrator's.
        assert messages == {} and exported[made["id"]]["snapshot"] is None
        assert exported[own["id"]]["snapshot"] == copied
    else:
        assert messages and {one["snapshot"] for one in exported.values()} == {None}


def test_light_list_ends_at_its_limit_and_export_does_not(
    env: dict[str, str], request: pytest.FixtureRequest
) -> None:
    env |= {
        "PORTICO_EVALUATIONS_MAX_LISTED": "700",
        "PORTICO_EVALUATIONS_MAX_LISTED_BYTES": "250000",
    }
    admin: Client = request.getfixturevalue("admin")
    ann: Client = request.getfixturevalue("ann")
    app: InProcessApp = request.getfixturevalue("app")
    rate(ann, new_chat(ann, "alpha"))

    async def fill() -> None:
        # Many of one second: pages do not end in the middle of it.
        async with transaction():
            for number in range(1, 1101):
                await execute(
                    "INSERT INTO evaluations_feedback (id, user_id, chat_id, message_id, type, model_id, rating, version, "
                    "created_at, updated_at, snapshot_bytes, vote, meta, data) SELECT $1, user_id, chat_id, $1, type, model_id, "
                    "rating, version, created_at, 5, 0, '', meta, data FROM evaluations_feedback WHERE message_id = 'r0'",
                    f"f{number}",
                )

    app.run(fill)
    light = admin.get(ALL).json
    assert len({one["id"] for one in light}) == len(light) == 700
    assert light[0]["updated_at"] > light[1]["updated_at"] == 5
    assert len({one["id"] for one in admin.get(EXPORT).json}) == 1101
    assert len(ann.get(f"{ROOT}/feedbacks/user").json) == 1000
    assert admin.get(PAGE).json["total"] == 1101
    for _ in range(36):
        rate(ann, new_chat(ann, "alpha"), more="x" * 8_000)
    assert 30 <= len(admin.get(ALL).json) < 36
