"""What is in force, why it decides as it does, who may: over HTTP."""

from pathlib import Path
from urllib.parse import quote

import pytest
from tests.plugins.policy_admin.conftest import AddGroup, add_model, put_page

from portico.testing import Client

AUDITORS = "g, user:nobody, role:auditor\np, model, list, role:auditor, allow\n"


def why(by: Client, who: str, action: str, kind: str, thing: str = "") -> dict:
    query = f"user={quote(who)}&action={action}&kind={kind}&id={quote(thing, safe='')}"
    answer = by.get(f"/api/v1/policies/explain?{query}")
    assert answer.status == 200, answer
    return answer.json


def test_an_administrator_sees_every_page_and_where_it_comes_from(
    laws: Path, admin: Client
) -> None:
    put_page(admin, "auditors.csv", AUDITORS)
    shown = admin.get("/api/v1/policies").json
    pages = {page["name"]: page for page in shown["files"]}
    assert pages["models.csv"]["origin"] == "packaged"
    assert pages["models.csv"]["location"] == "portico_policies/models.csv"
    assert "p, model, read, reader, allow" in pages["models.csv"]["text"]
    assert pages["auditors.csv"] == {
        "name": "auditors.csv",
        "location": "database/auditors.csv",
        "origin": "database",
        "replaces": [],
        "text": AUDITORS,
    }
    assert (shown["version"], shown["rejected"], shown["inactive"]) == (1, [], [])
    kinds = {kind["name"]: kind for kind in shown["kinds"]}
    assert kinds["policy"] == {
        "name": "policy",
        "actions": ["read", "write"],
        "collection_actions": [],
        "required_for_admins": ["write"],
    }
    assert "create" in kinds["model"]["collection_actions"] and "read" in kinds["model"]["actions"]


def test_a_page_that_lies_over_others_names_them(laws: Path, admin: Client) -> None:
    text = "p, chat, *, owner, allow\n"
    (laws / "chats.csv").write_text(text)
    put_page(admin, "chats.csv", text)
    (page,) = [p for p in admin.get("/api/v1/policies").json["files"] if p["name"] == "chats.csv"]
    assert page["origin"] == "database"
    assert page["replaces"] == ["portico_policies/chats.csv", str(laws / "chats.csv")]


def test_a_yes_names_the_line_and_the_group_it_came_through(
    admin: Client, user: Client, add_group: AddGroup
) -> None:
    staff = add_group("Staff", user)
    add_model(admin, read={"group_ids": [staff]})
    found = why(admin, "ben@example.org", "read", "model", "legal-desk")
    assert found["allowed"] is found["casbin"] is True
    (reason,) = found["because"]
    assert reason["rule"] == "p, model, read, reader, allow"
    assert reason["reasons"] == [
        f"the group Staff ({staff}) has read access, and the account is in it"
    ]
    assert found["summary"] == (
        f"Ben may read model legal-desk: `p, model, read, reader, allow` ({reason['origin']}): "
        f"the group Staff ({staff}) has read access, and the account is in it."
    )


def test_a_no_says_that_no_line_allows_it_and_which_would(admin: Client, user: Client) -> None:
    add_model(admin)
    found = why(admin, user.account["id"], "read", "model", "legal-desk")
    assert found["summary"] == "Ben may not read model legal-desk: no rule allows it."
    assert (found["allowed"], found["because"]) == (False, [])
    assert "p, model, read, owner, allow" in [rule["rule"] for rule in found["would_allow"]]


def test_a_denial_names_the_line_that_denies(admin: Client, user: Client) -> None:
    put_page(admin, "no.csv", f"p, model, read, user:{user.account['id']}, deny\n")
    add_model(admin, read={"user_ids": [user.account["id"]]})
    found = why(admin, "ben@example.org", "read", "model", "legal-desk")
    assert found["allowed"] is False
    assert found["because"][0]["origin"] == "database/no.csv:1"
    assert found["because"][0]["reasons"] == ["it is this account"]


def test_a_thing_that_is_not_there_is_answered_in_general_and_said_to_be_missing(
    admin: Client,
) -> None:
    found = why(admin, "ada@example.org", "write", "model", "ghost\x00")
    assert (found["exists"], found["allowed"]) == (False, True)
    assert "there is no such model" in found["summary"]


def test_kinds_without_rows_are_asked_in_general(admin: Client, user: Client) -> None:
    assert why(admin, "ada@example.org", "write", "policy")["allowed"] is True
    assert why(admin, "ben@example.org", "read", "audit")["allowed"] is False


def test_who_may_is_listed_with_the_lines_that_let_them(
    admin: Client, user: Client, add_group: AddGroup
) -> None:
    add_model(admin, read={"group_ids": [add_group("Staff", user)]})
    admin.add_user("Cas")
    found = admin.get("/api/v1/policies/who-can?action=read&kind=model&id=legal-desk").json
    assert found["total"] == 2
    lines = {one["email"]: one["rules"] for one in found["accounts"]}
    assert lines.keys() == {"ada@example.org", "ben@example.org"}
    assert lines["ben@example.org"][0].startswith("p, model, read, reader, allow (")
    assert admin.get("/api/v1/policies/who-can?action=write&kind=policy").json["total"] == 1
    beyond = admin.get("/api/v1/policies/who-can?action=read&kind=model&id=legal-desk&page=9").json
    assert (beyond["total"], beyond["accounts"]) == (2, [])


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ("explain?user=ada@example.org&action=read", 422, "kind"),
        ("explain?user=ada@example.org&action=raed&kind=model", 422, "read"),
        ("explain?user=ada@example.org&action=read&kind=modl", 422, "model"),
        ("explain?user=nobody@example.org&action=read&kind=model", 404, "nobody@example.org"),
        ("explain?user=%00&action=read&kind=model", 404, "There is no account"),
        ("who-can?action=read&kind=model&id=ghost", 404, "no such model"),
        ("who-can?action=read&kind=model&id=%00", 404, "no such model"),
        ("who-can?action=read&kind=policy&page=-1", 200, "total"),
        ("who-can?action=read&kind=policy&page=99999999999999999999", 200, "total"),
        ("who-can?action=read&kind=policy&page=x", 422, "page"),
        ("versions?before=99999999999999999999", 200, "versions"),
        ("versions/99999999999999999999", 404, "could not find"),
        ("versions/-1", 404, "could not find"),
    ],
)
def test_odd_questions_are_refused_in_words(
    admin: Client, query: str, status: int, said: str
) -> None:
    answer = admin.get(f"/api/v1/policies/{query}")
    assert answer.status == status, answer
    assert said in answer.body.decode()
