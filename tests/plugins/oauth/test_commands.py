"""`portico oidc …`, as somebody at the keyboard sees it."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.plugins.oauth.authority import Authority
from tests.plugins.oauth.browser import Browser

from portico.testing import Client, CommandLine, House
from portico_oauth.signing_in import provider_of
from portico_oauth.trying import Outcome, claims_of
from portico_oauth.trying import tried as try_out


@pytest.fixture
def database_url() -> str:
    """One is enough: nothing here depends on it."""
    return ""


GRACE = {"sub": "s-1", "email": "grace@example.org", "email_verified": True, "name": "Grace"}


@pytest.fixture
def environment(environment: dict[str, str]) -> dict[str, str]:
    return environment | {
        "ENABLE_OAUTH_ROLE_MANAGEMENT": "true",
        "ENABLE_OAUTH_GROUP_MANAGEMENT": "true",
        "ENABLE_OAUTH_GROUP_CREATION": "true",
        "OAUTH_MERGE_ACCOUNTS_BY_EMAIL": "true",
    }


def tried(
    house: House, claims: Any, provider: str = "oidc", *, vouched: bool | None = None
) -> Outcome:
    """As the command does it, without a process for each."""

    async def work() -> Outcome:
        way = provider_of(house.portico.house, provider)
        assert way is not None
        said = claims if isinstance(claims, str) else json.dumps(claims)
        found, signature = await claims_of(way, said)
        return await try_out(house.portico.house, way, found, vouched=vouched, signature=signature)

    outcome: Outcome = house.call(work)
    return outcome


def test_claims_are_tried_and_nothing_is_changed(admin: Client, house: House) -> None:
    ben = admin.add_person("Ben")
    before = admin.get("/api/v1/users/").json["total"], admin.get("/api/v1/groups/").json
    new = tried(house, GRACE | {"roles": ["user"], "groups": ["staff", "ops"]})
    assert (new.outcome, new.role, new.joined) == ("new", "user", ["ops", "staff"])
    assert new.made == ["ops", "staff"] and new.account_id == ""
    merged = tried(house, GRACE | {"email": "ben@example.org", "roles": "admin"})
    assert (merged.outcome, merged.account_id) == ("merged", ben.account["id"])
    assert (merged.role_was, merged.role) == ("user", "admin")
    for claims in (
        GRACE | {"email": "ada@example.org"},
        GRACE | {"email": "ben@example.org", "email_verified": "true"},
        GRACE | {"roles": {"admin": True}},
        {"sub": "s-1"},
    ):
        refused = tried(house, claims)
        assert refused.outcome == "refused" and refused.why
    assert before == (admin.get("/api/v1/users/").json["total"], admin.get("/api/v1/groups/").json)
    assert ben.get("/api/v1/auths/").status == 200


def test_what_is_tried_is_what_happens(admin: Client, authority: Authority, house: House) -> None:
    authority.claims |= {"roles": ["user"], "groups": ["staff"]}
    account = Browser(house.client).sign_in().account
    found = tried(house, authority.claims | {"groups": ["ops"]})
    assert (found.outcome, found.account_id) == ("found", account["id"])
    assert (found.joined, found.left, found.made) == (["ops"], ["staff"], ["ops"])


def test_a_token_says_whether_it_is_signed(
    authority: Authority, admin: Client, house: House
) -> None:
    token = authority.signed(authority.id_claims("n"))
    assert tried(house, token).signature == "good"
    assert tried(house, token[:-8] + "AAAAAAAA").signature.startswith("no good")


def test_claims_are_given_as_json_as_a_token_or_in_a_file(
    portico: CommandLine, authority: Authority, tmp_path: Path, admin: Client
) -> None:
    file = tmp_path / "token"
    file.write_text(authority.signed(authority.id_claims("n")) + "\n")
    shown = portico("oidc", "try", file).stdout
    assert "They would be given a new account." in shown and "vouched for" in shown
    authority.stop()
    said = json.loads(portico("oidc", "try", file, "--json").stdout)
    assert said["signature"].startswith("not checked") and said["outcome"] == "new"
    refused = portico("oidc", "try", "-", said='{"sub": "x"}', code=1)
    assert "They would be refused." in refused.stdout


def test_what_is_no_claims_is_said_to_be_none(
    portico: CommandLine, admin: Client, house: House
) -> None:
    for given in ("{", "a.b.c", "", '{"sub": NaN}', "[" * 100_000):
        with pytest.raises(ValueError, match="This is n"):
            tried(house, given)
    assert portico("oidc", "try", "-", said="a.b.c", code=2).stderr
    assert "no file" in portico("oidc", "try", "nothing-like-that", code=2).stderr


def test_a_terminal_shows_claims_and_does_not_obey_them(
    portico: CommandLine, admin: Client
) -> None:
    claims = GRACE | {"name": "\x1b[2J\x07Grace"}
    assert "\x1b" not in portico("oidc", "try", json.dumps(claims)).stdout


def test_github_is_asked_about_addresses_so_the_answer_is_given(
    admin: Client, house: House
) -> None:
    admin.add_person("Ben")
    claims = {"id": "7", "email": "ben@example.org", "name": "Ben"}
    assert tried(house, claims, "github").outcome == "refused"
    assert tried(house, claims, "github", vouched=True).outcome == "merged"


def test_accounts_are_linked_and_unlinked(
    portico: CommandLine, admin: Client, house: House
) -> None:
    ben = admin.add_person("Ben")
    portico("oidc", "link", "Ben@example.org", "oidc", "s-1")
    landing = Browser(house.client).sign_in()
    assert landing.account["id"] == ben.account["id"]
    assert portico("oidc", "links", "ben@example.org").stdout.split() == ["oidc", "s-1"]
    portico("oidc", "link", "ada@example.org", "oidc", "s-1", code=1)
    assert "nobody now" in portico("oidc", "unlink", "ben@example.org", "oidc", "s-1").stdout
    portico("oidc", "unlink", "ben@example.org", "oidc", "s-1", code=1)
    portico("oidc", "link", "nobody@example.org", "oidc", "s-2", code=1)
    assert json.loads(portico("oidc", "links", "ben@example.org", "--json").stdout) == []


def test_an_administrator_is_linked_by_hand_and_no_other_way(
    portico: CommandLine, admin: Client, house: House
) -> None:
    portico("oidc", "link", "ada@example.org", "oidc", "s-1")
    assert Browser(house.client).sign_in().account["id"] == admin.account["id"]


def test_providers_are_checked(portico: CommandLine, authority: Authority) -> None:
    found = portico("oidc", "check", "oidc").stdout
    assert authority.url in found and "RS256" in found and "none" not in found
    every = json.loads(portico("oidc", "check", "--json").stdout)
    assert {one["provider"] for one in every} == {"google", "microsoft", "github", "oidc", "feishu"}
    settings = {"WEBUI_URL": "https://chat.example.org"}
    assert (
        "https://chat.example.org/oauth/oidc/callback"
        in portico("oidc", "check", settings=settings).stdout
    )
    authority.metadata = {"issuer": "https://other.example"}
    assert "PORTICO_OAUTH_OIDC_ISSUER" in portico("oidc", "check", "oidc", code=1).stdout
