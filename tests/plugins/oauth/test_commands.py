"""`portico oidc …`, as somebody at the keyboard sees it."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.plugins.oauth.authorization_server import Authority
from tests.plugins.oauth.browser import Browser

from portico.testing import Client, CommandLine, InProcessApp
from portico_oauth.cli.dry_run import LoginPreview, read_claims
from portico_oauth.cli.dry_run import preview_login as try_out
from portico_oauth.login.flow import provider_of


@pytest.fixture
def database_url() -> str:
    """One is enough: nothing here depends on it."""
    return ""


GRACE = {"sub": "s-1", "email": "grace@example.org", "email_verified": True, "name": "Grace"}


@pytest.fixture
def env(env: dict[str, str]) -> dict[str, str]:
    return env | {
        "ENABLE_OAUTH_ROLE_MANAGEMENT": "true",
        "ENABLE_OAUTH_GROUP_MANAGEMENT": "true",
        "ENABLE_OAUTH_GROUP_CREATION": "true",
        "OAUTH_MERGE_ACCOUNTS_BY_EMAIL": "true",
    }


def tried(
    app: InProcessApp, claims: Any, provider: str = "oidc", *, vouched: bool | None = None
) -> LoginPreview:
    """As the command does it, without a process for each."""

    async def work() -> LoginPreview:
        way = provider_of(app.portico.context, provider)
        assert way is not None
        said = claims if isinstance(claims, str) else json.dumps(claims)
        found, signature = await read_claims(way, said)
        return await try_out(app.portico.context, way, found, vouched=vouched, signature=signature)

    outcome: LoginPreview = app.call(work)
    return outcome


def test_claims_are_tried_and_nothing_is_changed(admin: Client, app: InProcessApp) -> None:
    ben = admin.add_user("Ben")
    before = admin.get("/api/v1/users/").json["total"], admin.get("/api/v1/groups/").json
    new = tried(app, GRACE | {"roles": ["user"], "groups": ["staff", "ops"]})
    assert (new.outcome, new.role, new.joined) == ("new", "user", ["ops", "staff"])
    assert new.made == ["ops", "staff"] and new.account_id == ""
    merged = tried(app, GRACE | {"email": "ben@example.org", "roles": "admin"})
    assert (merged.outcome, merged.account_id) == ("merged", ben.account["id"])
    assert (merged.role_was, merged.role) == ("user", "admin")
    for claims in (
        GRACE | {"email": "ada@example.org"},
        GRACE | {"email": "ben@example.org", "email_verified": "true"},
        GRACE | {"roles": {"admin": True}},
        {"sub": "s-1"},
    ):
        refused = tried(app, claims)
        assert refused.outcome == "refused" and refused.why
    assert before == (admin.get("/api/v1/users/").json["total"], admin.get("/api/v1/groups/").json)
    assert ben.get("/api/v1/auths/").status == 200


def test_what_is_tried_is_what_happens(
    admin: Client, authority: Authority, app: InProcessApp
) -> None:
    authority.claims |= {"roles": ["user"], "groups": ["staff"]}
    account = Browser(app.client).sign_in().account
    found = tried(app, authority.claims | {"groups": ["ops"]})
    assert (found.outcome, found.account_id) == ("found", account["id"])
    assert (found.joined, found.left, found.made) == (["ops"], ["staff"], ["ops"])


def test_a_token_says_whether_it_is_signed(
    authority: Authority, admin: Client, app: InProcessApp
) -> None:
    token = authority.signed(authority.id_claims("n"))
    assert tried(app, token).signature == "good"
    assert tried(app, token[:-8] + "AAAAAAAA").signature.startswith("no good")


def test_claims_are_given_as_json_as_a_token_or_in_a_file(
    cli: CommandLine, authority: Authority, tmp_path: Path, admin: Client
) -> None:
    file = tmp_path / "token"
    file.write_text(authority.signed(authority.id_claims("n")) + "\n")
    shown = cli("oidc", "try", file).stdout
    assert "They would be given a new account." in shown and "vouched for" in shown
    authority.stop()
    said = json.loads(cli("oidc", "try", file, "--json").stdout)
    assert said["signature"].startswith("not checked") and said["outcome"] == "new"
    refused = cli("oidc", "try", "-", said='{"sub": "x"}', code=1)
    assert "They would be refused." in refused.stdout


def test_what_is_no_claims_is_said_to_be_none(
    cli: CommandLine, admin: Client, app: InProcessApp
) -> None:
    for given in ("{", "a.b.c", "", '{"sub": NaN}', "[" * 100_000):
        with pytest.raises(ValueError, match="This is n"):
            tried(app, given)
    assert cli("oidc", "try", "-", said="a.b.c", code=2).stderr
    assert "no file" in cli("oidc", "try", "nothing-like-that", code=2).stderr


def test_a_terminal_shows_claims_and_does_not_obey_them(cli: CommandLine, admin: Client) -> None:
    claims = GRACE | {"name": "\x1b[2J\x07Grace"}
    assert "\x1b" not in cli("oidc", "try", json.dumps(claims)).stdout


def test_github_is_asked_about_addresses_so_the_answer_is_given(
    admin: Client, app: InProcessApp
) -> None:
    admin.add_user("Ben")
    claims = {"id": "7", "email": "ben@example.org", "name": "Ben"}
    assert tried(app, claims, "github").outcome == "refused"
    assert tried(app, claims, "github", vouched=True).outcome == "merged"


def test_accounts_are_linked_and_unlinked(
    cli: CommandLine, admin: Client, app: InProcessApp
) -> None:
    ben = admin.add_user("Ben")
    cli("oidc", "link", "Ben@example.org", "oidc", "s-1")
    landing = Browser(app.client).sign_in()
    assert landing.account["id"] == ben.account["id"]
    assert cli("oidc", "links", "ben@example.org").stdout.split() == ["oidc", "s-1"]
    cli("oidc", "link", "ada@example.org", "oidc", "s-1", code=1)
    assert "nobody now" in cli("oidc", "unlink", "ben@example.org", "oidc", "s-1").stdout
    cli("oidc", "unlink", "ben@example.org", "oidc", "s-1", code=1)
    cli("oidc", "link", "nobody@example.org", "oidc", "s-2", code=1)
    assert json.loads(cli("oidc", "links", "ben@example.org", "--json").stdout) == []


def test_an_administrator_is_linked_by_hand_and_no_other_way(
    cli: CommandLine, admin: Client, app: InProcessApp
) -> None:
    cli("oidc", "link", "ada@example.org", "oidc", "s-1")
    assert Browser(app.client).sign_in().account["id"] == admin.account["id"]


def test_providers_are_checked(cli: CommandLine, authority: Authority) -> None:
    found = cli("oidc", "check", "oidc").stdout
    assert authority.url in found and "RS256" in found and "none" not in found
    every = json.loads(cli("oidc", "check", "--json").stdout)
    assert {one["provider"] for one in every} == {"google", "microsoft", "github", "oidc", "feishu"}
    settings = {"WEBUI_URL": "https://chat.example.org"}
    assert (
        "https://chat.example.org/oauth/oidc/callback"
        in cli("oidc", "check", settings=settings).stdout
    )
    authority.metadata = {"issuer": "https://other.example"}
    assert "PORTICO_OAUTH_OIDC_ISSUER" in cli("oidc", "check", "oidc", code=1).stdout
