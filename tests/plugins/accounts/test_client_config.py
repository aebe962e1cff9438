"""`/api/config` and `/api/version`."""

from collections.abc import Callable
from typing import Any

from tests.api_keys import ON, with_key

from portico.boot import Application
from portico.testing import Client, InProcessApp

CONFIG = "/api/config"


def test_config_says_onboarding_while_there_are_no_accounts(client: Client) -> None:
    config = client.get(CONFIG).json
    assert config["onboarding"] is True and config["features"]["enable_signup"] is True
    client.sign_up("Ada")
    assert "onboarding" not in client.get(CONFIG).json


def test_public_config_lists_auth_providers_and_features(admin: Client, app: InProcessApp) -> None:
    config = app.client.get(CONFIG).json
    assert set(config) == {"status", "name", "version", "default_locale", "oauth", "features"}
    assert (config["status"], config["version"], config["name"]) == (True, "0.6.41", "Portico")
    assert config["oauth"] == {"providers": {}}
    assert config["features"] == {
        "auth": True,
        "auth_trusted_header": False,
        "enable_signup_password_confirmation": False,
        "enable_ldap": False,
        "enable_api_keys": False,
        "enable_signup": True,
        "enable_login_form": True,
        "enable_websocket": True,
        "enable_version_update_check": False,
    }


def test_config_has_more_for_pending_and_all_for_verified_accounts(admin: Client) -> None:
    pending, ben = admin.add_user("Eve", role="pending"), admin.add_user("Ben")
    public = Client(admin.transport).get(CONFIG).json
    pending_config, user_config, admin_config = (
        one.get(CONFIG).json for one in (pending, ben, admin)
    )
    assert set(pending_config) == set(public) | {"ui"}
    assert set(pending_config["ui"]) == {
        "pending_user_overlay_title",
        "pending_user_overlay_content",
    }
    assert pending_config["features"]["enable_folders"] is True
    assert pending_config["features"]["enable_web_search"] is False
    assert user_config["user_count"] == 3
    assert user_config["permissions"] == admin.get("/api/v1/users/default/permissions").json
    for name in ("default_models", "default_prompt_suggestions", "audio", "file", "code"):
        assert name in user_config
    assert set(admin_config) == set(user_config) | {"active_entries"}


def test_config_accepts_the_session_cookie(user: Client) -> None:
    asked = Client(user.transport)
    config = asked.get(CONFIG, headers={"cookie": f"token={user.token}"}).json
    assert "user_count" in config


def test_invalid_credentials_get_the_public_config(admin: Client, user: Client) -> None:
    def knows(headers: dict[str, str]) -> Any:
        answer = Client(user.transport).get(CONFIG, headers=headers)
        assert answer.status == 200
        return "user_count" in answer.json

    assert not knows({"authorization": "Bearer nonsense"})
    assert not knows({"authorization": "nonsense"})
    assert not knows({"cookie": "token=nonsense"})
    bearer = {"authorization": f"Bearer {user.token}"}
    assert knows(bearer)
    user.get("/api/v1/auths/signout")
    assert not knows(bearer)


def test_api_key_gets_the_public_config(
    env: dict[str, str], complete_schema: Callable[[Application], None]
) -> None:
    app = InProcessApp(env | ON, complete_schema)
    try:
        program = with_key(app.client.sign_up("Ada"))
        assert program.get("/api/v1/auths/").status == 200
        config = program.get(CONFIG)
        assert config.status == 200 and "user_count" not in config.json
        assert config.json["features"]["enable_api_keys"] is True
    finally:
        app.close()


def test_version_is_that_of_the_reference(client: Client) -> None:
    assert client.get("/api/version").json == {"version": "0.6.41", "deployment_id": ""}
