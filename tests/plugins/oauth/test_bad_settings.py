"""Settings of one provider that cannot work: that provider is disabled with a reason, and everything else works."""

import msgspec
import pytest
from tests.one_database import database_url  # noqa: F401 - a fixture
from tests.plugins.oauth.authorization_server import AuthorizationServer
from tests.plugins.oauth.browser import Browser

from portico.api import Secret
from portico.boot import Application, CannotStart
from portico.settings.load import load_settings
from portico.testing import Client, CommandLine, InProcessApp
from portico_oauth.registrations import registrations, url_fault
from portico_oauth.settings import OAuthSettings

#: By provider: a variable and a value that cannot work, and what the reason does not show.
BAD_SETTINGS = {
    "google": ("PORTICO_OAUTH_GOOGLE_DISCOVERY_URL", "https://user:hunter2@[::1", "hunter2"),
    "microsoft": ("MICROSOFT_CLIENT_LOGIN_BASE_URL", "login.microsoftonline.com", ""),
    "github": ("GITHUB_CLIENT_SECRET", "hunter2\nhunter2", "hunter2"),
    "feishu": ("FEISHU_REDIRECT_URI", "javascript:alert(1)", ""),
}


@pytest.fixture
def env(env: dict[str, str]) -> dict[str, str]:
    bad = {variable: value for variable, value, _ in BAD_SETTINGS.values()}
    return env | bad | {"PORTICO_STRICT": "false"}


def test_bad_settings_disable_only_their_provider(
    app: InProcessApp,
    admin: Client,
    browser: Browser,
    provider_server: AuthorizationServer,
    cli: CommandLine,
) -> None:
    reasons = app.portico.registry["oauth"].unusable
    assert reasons.keys() == BAD_SETTINGS.keys()
    for provider, (variable, _, secret) in BAD_SETTINGS.items():
        assert variable in reasons[provider] and (not secret or secret not in reasons[provider])
        assert app.client.get(f"/oauth/{provider}/login").status == 404
    assert browser.sign_in("oidc").account["email"] == "grace@example.org"
    assert app.client.get("/api/config").json["oauth"]["providers"] == {"oidc": "SSO"}
    ready = app.client.get("/ready")
    assert ready.status == 200 and ready.json["status"] is True
    found = {one["provider"]: one["fault"] for one in ready.json["reasons"]}
    assert found == dict.fromkeys(BAD_SETTINGS, "settings") and b"GITHUB" not in ready.body
    [listed] = [one for one in admin.get("/api/v1/plugins").json if one["name"] == "oauth"]
    assert listed["state"] == "active" and listed["unusable"] == reasons
    shown = cli("plugin", "list").stdout
    assert f"disabled: auth provider google: {reasons['google']}" in shown
    checked = cli("oauth", "check", code=1).stdout
    assert all(reason in checked for reason in reasons.values()) and "usable        yes" in checked
    refused = cli("oauth", "test-claims", "{}", "--provider", "google", code=1).stderr
    assert "google is disabled" in refused and "PORTICO_OAUTH_GOOGLE_DISCOVERY_URL" in refused
    assert "hunter2" not in shown + checked + refused


def test_each_setting_of_a_provider_disables_it_alone(env: dict[str, str]) -> None:
    for variable, value in {
        "OPENID_PROVIDER_URL": "auth.example.org",
        "OPENID_REDIRECT_URI": "/oauth/oidc/callback",
        "OAUTH_TOKEN_ENDPOINT_AUTH_METHOD": "tls_client_auth",
        "OAUTH_CODE_CHALLENGE_METHOD": "plain",
    }.items():
        loaded = load_settings(environ=env | {variable: value})
        loaded.plugin("oauth", OAuthSettings)
        [problem] = loaded.part_problems("oauth")["oidc"]
        assert variable in str(problem), variable
    for url in ("auth.example.org", "ftp://auth.example.org", "https://[::1", "https:///"):
        settings = OAuthSettings(
            oidc_client_id="a",
            oidc_client_secret=Secret("b"),
            oidc_discovery_url="https://auth.example.org",
            oidc_issuer=url,
        )
        [registration] = registrations(settings)
        assert url in url_fault(registration), url


def test_operator_can_insist_on_every_provider(env: dict[str, str]) -> None:
    required = {"PORTICO_PLUGINS_REQUIRED": "oauth"}
    application = Application(load_settings(environ=env | required))
    with pytest.raises(CannotStart, match="its auth provider 'github' is disabled"):
        application.check_required_plugins()
    selection = msgspec.structs.replace(application.settings.plugins, required=[])
    application.settings = msgspec.structs.replace(application.settings, plugins=selection)
    application.check_required_plugins()
    selection = msgspec.structs.replace(selection, strict=True)
    application.settings = msgspec.structs.replace(application.settings, plugins=selection)
    with pytest.raises(CannotStart, match="its auth provider 'google' is disabled"):
        application.check_required_plugins()
