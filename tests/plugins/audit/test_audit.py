"""The audit log: pages, filters and the export as lines."""

import json

import pytest
from tests.plugins.policy_admin.conftest import add_model, put_policy_file

from portico.db import execute
from portico.testing import Client, InProcessApp


async def many(count: int) -> None:
    for number in range(count):
        await execute(
            "INSERT INTO portico_audit (at, author, event, resource_kind, resource_id, old, new) "
            "VALUES ($1, 'gone', 'thing.counted', 'thing', $2, NULL, $3)",
            number,
            f"t{number}",
            str(number),
        )


def test_policy_change_is_audited_with_old_and_new(admin: Client) -> None:
    put_policy_file(admin, "a.csv", "# one\n")
    put_policy_file(admin, "a.csv", "# two\n")
    newest, older, *_ = admin.get("/api/v1/audit?event=policy.changed").json["entries"]
    assert (newest["old"], newest["new"]) == ({"a.csv": "# one\n"}, {"a.csv": "# two\n"})
    assert (older["old"], older["new"]) == ({"a.csv": None}, {"a.csv": "# one\n"})
    assert newest["author"] == admin.account["id"] and newest["author_name"] == "Ada"
    assert (newest["resource_kind"], newest["resource_id"]) == ("policy", "a.csv")


def test_entries_are_filtered_by_author_kind_id_and_time(
    app: InProcessApp, admin: Client, user: Client
) -> None:
    app.run(many, 3)
    add_model(admin, read={"user_ids": [user.account["id"]]})

    def found(query: str) -> list[str]:
        return [e["event"] for e in admin.get(f"/api/v1/audit?{query}").json["entries"]]

    assert found("author=ada@example.org&resource_kind=model") == [
        "grant.changed",
        "model.created",
    ]
    assert found(f"author={admin.account['id']}&resource_kind=model&resource_id=legal-desk") == [
        "grant.changed",
        "model.created",
    ]
    assert set(found("author=system")) == {"policy.changed", "account.created"}
    assert found("author=gone&since=1&until=2") == ["thing.counted"]
    assert found("resource_kind=thing&resource_id=t2") == ["thing.counted"]
    assert found("event=nothing.such") == []
    assert admin.get("/api/v1/audit?author=absent@example.org").status == 404


def test_pages_follow_one_another_without_gap_or_overlap(app: InProcessApp, admin: Client) -> None:
    app.run(many, 230)
    seen, before = [], ""
    while True:
        page = admin.get(f"/api/v1/audit?resource_kind=thing{before}").json
        seen += [entry["new"] for entry in page["entries"]]
        if page["next"] is None:
            break
        before = f"&before={page['next']}"
    assert seen == list(range(229, -1, -1))


def test_export_has_all_entries_one_a_line(app: InProcessApp, admin: Client) -> None:
    app.run(many, 250)
    answer = admin.get("/api/v1/audit/export?resource_kind=thing")
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert "attachment" in answer.headers["content-disposition"]
    lines = [json.loads(line) for line in answer.body.splitlines()]
    assert [line["new"] for line in lines] == list(range(249, -1, -1))
    assert answer.headers["x-total-count"] == "250"
    assert admin.get("/api/v1/audit/export?resource_kind=none").body == b""


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("author=%00", 422),
        ("event=%00", 422),
        ("since=99999999999999999999999", 200),
        ("until=-99999999999999999999999", 200),
        ("since=soon", 422),
        ("resource_id=%25%27%3B--", 200),
    ],
)
def test_unusual_filters_are_answered(admin: Client, query: str, status: int) -> None:
    assert admin.get(f"/api/v1/audit?{query}").status == status
    assert admin.get(f"/api/v1/audit/export?{query}").status == status
    assert admin.get("/api/v1/audit?before=99999999999999999999999").status == 200


def test_audit_log_requires_a_rule(admin: Client, user: Client) -> None:
    for path in ("/api/v1/audit", "/api/v1/audit/export"):
        assert user.get(path).status == 403
        assert Client(admin.transport).get(path).status == 401
    put_policy_file(admin, "auditor.csv", f"p, audit, read, user:{user.account['id']}, allow\n")
    assert user.get("/api/v1/audit").status == 200
    assert user.get("/api/v1/policies").status == 403
