"""`portico oauth …` on the command line."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.one_database import database_url  # noqa: F401 - a fixture
from tests.plugins.oauth.authorization_server import AuthorizationServer
from tests.plugins.oauth.browser import Browser

from portico.api import OperatorError
from portico.testing import Client, CommandLine, InProcessApp
from portico_oauth.cli.dry_run import LoginPreview, preview_login, read_claims
from portico_oauth.components import OAuthComponents

GRACE = {"sub": "s-1", "email": "grace@example.org", "email_verified": True, "name": "Grace"}


@pytest.fixture
def env(env: dict[str, str]) -> dict[str, str]:
    return env | {
        "ENABLE_OAUTH_ROLE_MANAGEMENT": "true",
        "ENABLE_OAUTH_GROUP_MANAGEMENT": "true",
        "ENABLE_OAUTH_GROUP_CREATION": "true",
        "OAUTH_MERGE_ACCOUNTS_BY_EMAIL": "true",
    }


def components(app: InProcessApp) -> OAuthComponents:
    """Return the objects of the plugin."""
    [found] = [one for one in app.portico.contributions if one.plugin_name == "oauth"]
    assert isinstance(found.components, OAuthComponents)
    return found.components


def preview(
    app: InProcessApp, claims: Any, provider: str = "oidc", *, email_verified: bool | None = None
) -> LoginPreview:
    """Return what `portico oauth test-claims` shows, without a process for each call."""

    async def work() -> LoginPreview:
        chosen = components(app).providers[provider]
        text = claims if isinstance(claims, str) else json.dumps(claims)
        found, signature = await read_claims(chosen, text)
        return await preview_login(
            app.portico.context,
            chosen,
            found,
            email_verified=email_verified,
            signature=signature,
        )

    shown: LoginPreview = app.run(work)
    return shown


def test_dry_run_shows_outcome_and_changes_nothing(admin: Client, app: InProcessApp) -> None:
    ben = admin.add_user("Ben")
    before = admin.get("/api/v1/users/").json["total"], admin.get("/api/v1/groups/").json
    created = preview(app, GRACE | {"roles": ["user"], "groups": ["staff", "ops"]})
    assert (created.outcome, created.role, created.joined_groups) == (
        "created",
        "user",
        ["ops", "staff"],
    )
    assert created.created_groups == ["ops", "staff"] and created.account_id == ""
    linked = preview(app, GRACE | {"email": "ben@example.org", "roles": "admin"})
    assert (linked.outcome, linked.account_id) == ("linked", ben.account["id"])
    assert (linked.old_role, linked.role) == ("user", "admin")
    for claims in (
        GRACE | {"email": "ada@example.org"},
        GRACE | {"email": "ben@example.org", "email_verified": "yes"},
        GRACE | {"roles": {"admin": True}},
        {"sub": "s-1"},
    ):
        rejected = preview(app, claims)
        assert rejected.outcome == "rejected" and rejected.why
    assert before == (admin.get("/api/v1/users/").json["total"], admin.get("/api/v1/groups/").json)
    assert ben.get("/api/v1/auths/").status == 200


def test_dry_run_matches_real_sign_in(
    admin: Client, provider_server: AuthorizationServer, app: InProcessApp
) -> None:
    provider_server.claims |= {"roles": ["user"], "groups": ["staff"]}
    account = Browser(app.client).sign_in().account
    found = preview(app, provider_server.claims | {"groups": ["ops"]})
    assert (found.outcome, found.account_id) == ("found", account["id"])
    assert (found.joined_groups, found.left_groups, found.created_groups) == (
        ["ops"],
        ["staff"],
        ["ops"],
    )


def test_dry_run_reports_signature_of_token(
    provider_server: AuthorizationServer, admin: Client, app: InProcessApp
) -> None:
    token = provider_server.signed(provider_server.id_claims("n"))
    assert preview(app, token).signature == "valid"
    assert preview(app, token[:-8] + "AAAAAAAA").signature.startswith("invalid")


def test_test_claims_reads_json_token_and_file(
    cli: CommandLine, provider_server: AuthorizationServer, tmp_path: Path, admin: Client
) -> None:
    file = tmp_path / "token"
    file.write_text(provider_server.signed(provider_server.id_claims("n")) + "\n")
    shown = cli("oauth", "test-claims", file).stdout
    assert "An account is created" in shown and "(verified)" in shown
    provider_server.stop()
    as_json = json.loads(cli("oauth", "test-claims", file, "--json").stdout)
    assert as_json["signature"].startswith("not checked") and as_json["outcome"] == "created"
    rejected = cli("oauth", "test-claims", "-", stdin='{"sub": "x"}', code=1)
    assert "The sign-in is rejected." in rejected.stdout


def test_test_claims_rejects_invalid_claims_with_message(
    cli: CommandLine, admin: Client, app: InProcessApp
) -> None:
    for given in ("{", "a.b.c", "", '{"sub": NaN}', "[" * 100_000):
        with pytest.raises(ValueError, match="This is n"):
            preview(app, given)
    assert cli("oauth", "test-claims", "-", stdin="a.b.c", code=2).stderr
    assert "not a file" in cli("oauth", "test-claims", "nothing-like-that", code=2).stderr


def test_test_claims_escapes_control_characters(cli: CommandLine, admin: Client) -> None:
    claims = GRACE | {"name": "\x1b[2J\x07Grace"}
    assert "\x1b" not in cli("oauth", "test-claims", json.dumps(claims)).stdout


def test_dry_run_takes_email_verification_for_github(admin: Client, app: InProcessApp) -> None:
    admin.add_user("Ben")
    claims = {"id": "7", "email": "ben@example.org", "name": "Ben"}
    assert preview(app, claims, "github").outcome == "rejected"
    assert preview(app, claims, "github", email_verified=True).outcome == "linked"


def test_accounts_are_linked_and_unlinked(
    cli: CommandLine, admin: Client, app: InProcessApp
) -> None:
    ben = admin.add_user("Ben")
    cli("oauth", "link", "Ben@example.org", "oidc", "s-1")
    result = Browser(app.client).sign_in()
    assert result.account["id"] == ben.account["id"]
    assert cli("oauth", "list-links", "ben@example.org").stdout.split() == ["oidc", "s-1"]
    cli("oauth", "link", "ada@example.org", "oidc", "s-1", code=1)
    assert "no longer linked" in cli("oauth", "unlink", "ben@example.org", "oidc", "s-1").stdout
    cli("oauth", "unlink", "ben@example.org", "oidc", "s-1", code=1)
    cli("oauth", "link", "absent@example.org", "oidc", "s-2", code=1)
    assert json.loads(cli("oauth", "list-links", "ben@example.org", "--json").stdout) == []


def test_administrator_can_be_linked_on_the_command_line(
    cli: CommandLine, admin: Client, app: InProcessApp
) -> None:
    cli("oauth", "link", "ada@example.org", "oidc", "s-1")
    assert Browser(app.client).sign_in().account["id"] == admin.account["id"]


def test_check_shows_provider_metadata_and_redirect_uri(
    cli: CommandLine, provider_server: AuthorizationServer
) -> None:
    found = cli("oauth", "check", "oidc").stdout
    assert provider_server.url in found and "RS256" in found and "none" not in found
    every = json.loads(cli("oauth", "check", "--json").stdout)
    assert {one["provider"] for one in every} == {"google", "microsoft", "github", "oidc", "feishu"}
    settings = {"WEBUI_URL": "https://chat.example.org"}
    assert (
        "https://chat.example.org/oauth/oidc/callback"
        in cli("oauth", "check", settings=settings).stdout
    )
    provider_server.metadata = {"issuer": "https://other.example"}
    assert "PORTICO_OAUTH_OIDC_ISSUER" in cli("oauth", "check", "oidc", code=1).stdout


@pytest.mark.parametrize(
    ("words", "new"),
    [
        (("oidc", "try", "{}", "--vouched"), "portico oauth test-claims"),
        (("oidc", "check"), "portico oauth check"),
        (("oidc", "links", "ada@example.org"), "portico oauth list-links"),
        (("oidc",), "portico oauth"),
        (("oauth", "test-claims", "{}", "--vouched"), "--email-verified"),
        (("oauth", "test-claims", "{}", "--not-vouched"), "--email-unverified"),
    ],
)
def test_former_commands_and_options_name_the_new_ones(
    cli: CommandLine, words: tuple[str, ...], new: str
) -> None:
    assert new in cli(*words, code=2).stderr


def test_former_variable_names_the_new_one(env: dict[str, str]) -> None:
    with pytest.raises(OperatorError, match="now called PORTICO_OAUTH_TRUST_EMAILS_FROM"):
        InProcessApp(env | {"PORTICO_OAUTH_TRUSTED_EMAILS": "oidc"})
