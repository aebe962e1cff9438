"""Active policies, explanations and allowed accounts over HTTP."""

from pathlib import Path
from urllib.parse import quote

import pytest
from tests.plugins.policy_admin.conftest import AddGroup, add_model, put_policy_file

from portico.testing import Client

AUDITORS = "g, user:absent, role:auditor\np, model, list, role:auditor, allow\n"


def why(by: Client, who: str, action: str, kind: str, thing: str = "") -> dict:
    query = f"user={quote(who)}&action={action}&kind={kind}&id={quote(thing, safe='')}"
    answer = by.get(f"/api/v1/policies/explain?{query}")
    assert answer.status == 200, answer
    return answer.json


def test_active_files_are_listed_with_their_origin(policy_dir: Path, admin: Client) -> None:
    put_policy_file(admin, "auditors.csv", AUDITORS)
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


def test_overriding_file_lists_the_overridden_ones(policy_dir: Path, admin: Client) -> None:
    text = "p, chat, *, owner, allow\n"
    (policy_dir / "chats.csv").write_text(text)
    put_policy_file(admin, "chats.csv", text)
    (page,) = [p for p in admin.get("/api/v1/policies").json["files"] if p["name"] == "chats.csv"]
    assert page["origin"] == "database"
    assert page["replaces"] == ["portico_policies/chats.csv", str(policy_dir / "chats.csv")]


def test_explanation_of_access_names_rule_and_group(
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


def test_explanation_of_no_access_names_rules_that_would_allow_it(
    admin: Client, user: Client
) -> None:
    add_model(admin)
    found = why(admin, user.account["id"], "read", "model", "legal-desk")
    assert found["summary"] == "Ben may not read model legal-desk: no rule allows it."
    assert (found["allowed"], found["because"]) == (False, [])
    assert "p, model, read, owner, allow" in [rule["rule"] for rule in found["would_allow"]]


def test_explanation_of_a_denial_names_the_denying_rule(admin: Client, user: Client) -> None:
    put_policy_file(admin, "no.csv", f"p, model, read, user:{user.account['id']}, deny\n")
    add_model(admin, read={"user_ids": [user.account["id"]]})
    found = why(admin, "ben@example.org", "read", "model", "legal-desk")
    assert found["allowed"] is False
    assert found["because"][0]["origin"] == "database/no.csv:1"
    assert found["because"][0]["reasons"] == ["it is this account"]


def test_unknown_resource_is_explained_in_general(
    admin: Client,
) -> None:
    found = why(admin, "ada@example.org", "write", "model", "ghost\x00")
    assert (found["exists"], found["allowed"]) == (False, True)
    assert "there is no such model" in found["summary"]


def test_kind_without_rows_is_explained_in_general(admin: Client, user: Client) -> None:
    assert why(admin, "ada@example.org", "write", "policy")["allowed"] is True
    assert why(admin, "ben@example.org", "read", "audit")["allowed"] is False


def test_who_can_lists_accounts_with_their_rules(
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
        ("explain?user=absent@example.org&action=read&kind=model", 404, "absent@example.org"),
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
def test_invalid_queries_are_rejected_with_reason(
    admin: Client, query: str, status: int, said: str
) -> None:
    answer = admin.get(f"/api/v1/policies/{query}")
    assert answer.status == status, answer
    assert said in answer.body.decode()
