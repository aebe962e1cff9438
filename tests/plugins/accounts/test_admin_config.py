"""`/api/v1/auths/admin/config`: runtime settings, and how they take effect."""

import base64
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from tests.api_keys import ON
from tests.one_database import on_sqlite

from portico.boot import Application
from portico.testing import PASSWORD, Client, InProcessApp

CONFIG = "/api/v1/auths/admin/config"
KEYS = {
    "SHOW_ADMIN_DETAILS", "WEBUI_URL", "ENABLE_SIGNUP", "ENABLE_API_KEYS",
    "ENABLE_API_KEYS_ENDPOINT_RESTRICTIONS", "API_KEYS_ALLOWED_ENDPOINTS", "DEFAULT_USER_ROLE",
    "DEFAULT_GROUP_ID", "JWT_EXPIRES_IN", "ENABLE_COMMUNITY_SHARING", "ENABLE_MESSAGE_RATING",
    "ENABLE_FOLDERS", "ENABLE_CHANNELS", "ENABLE_NOTES", "ENABLE_USER_WEBHOOKS",
    "PENDING_USER_OVERLAY_TITLE", "PENDING_USER_OVERLAY_CONTENT", "RESPONSE_WATERMARK", "pinned",
}  # fmt: skip


@pytest.fixture
def env(env: dict[str, str]) -> dict[str, str]:
    """An environment that pins almost no settings."""
    free = ("ENABLE_SIGNUP", "DEFAULT_USER_ROLE")
    return {name: value for name, value in env.items() if name not in free}


def change(admin: Client, **values: Any) -> dict[str, Any]:
    answer = admin.post(CONFIG, admin.get(CONFIG).json | values)
    assert answer.status == 200, answer
    config: dict[str, Any] = answer.json
    return config


def assert_refused(admin: Client, **values: Any) -> None:
    """Check that each invalid value is named, and nothing of the form is stored."""
    before = admin.get(CONFIG).json
    answer = admin.post(CONFIG, before | {"RESPONSE_WATERMARK": "new"} | values)
    assert answer.status == 400 and all(name in answer.detail for name in values), answer
    assert admin.get(CONFIG).json == before


def sign_up(app: InProcessApp, name: str) -> Any:
    form = {"name": name, "email": f"{name.lower()}@example.org", "password": PASSWORD}
    return app.client.post("/api/v1/auths/signup", form)


def test_admin_config_has_every_key_of_clients(admin: Client) -> None:
    config = admin.get(CONFIG).json
    assert set(config) == KEYS and config["pinned"] == []
    assert (config["ENABLE_SIGNUP"], config["DEFAULT_USER_ROLE"]) == (False, "pending")
    assert (config["JWT_EXPIRES_IN"], config["ENABLE_API_KEYS"]) == ("4w", False)


def test_sign_up_settings_apply_to_new_accounts(admin: Client, app: InProcessApp) -> None:
    assert sign_up(app, "Ben").status == 403
    form = {"name": "New", "description": ""}
    group = admin.post("/api/v1/groups/create", form).json["id"]
    change(admin, ENABLE_SIGNUP=True, DEFAULT_USER_ROLE="user", DEFAULT_GROUP_ID=group)
    assert sign_up(app, "Ben").json["role"] == "user"
    members = admin.get(f"/api/v1/groups/id/{group}/export").json["user_ids"]
    assert len(members) == 1
    change(admin, ENABLE_SIGNUP=False)
    assert sign_up(app, "Eve").status == 403


def test_session_lifetime_setting_applies_to_new_sessions(admin: Client, app: InProcessApp) -> None:
    change(admin, JWT_EXPIRES_IN="1h")
    assert admin.get("/api/v1/auths/").status == 401, "a longer one counts no more"
    ada = app.client.sign_in("Ada")
    claims = json.loads(base64.urlsafe_b64decode(str(ada.token).split(".")[1] + "=="))
    assert abs(claims["exp"] - time.time() - 3600) < 60
    change(ada, JWT_EXPIRES_IN="4w")
    assert ada.get("/api/v1/auths/").status == 200


@on_sqlite
@pytest.mark.parametrize(
    "text", ["", "soon", "1h30m", "-5m", "1s", "299s", "0.0001w", "9" * 400 + "w"]
)
def test_invalid_lifetime_refuses_the_whole_form(admin: Client, text: str) -> None:
    assert_refused(admin, JWT_EXPIRES_IN=text)


def test_unknown_role_refuses_the_whole_form(admin: Client) -> None:
    assert_refused(admin, DEFAULT_USER_ROLE="root")


def test_setting_without_a_plugin_is_off_and_cannot_be_switched_on(
    env: dict[str, str], request: pytest.FixtureRequest
) -> None:
    env["PORTICO_PLUGINS_DISABLE"] = "evaluations"
    admin: Client = request.getfixturevalue("admin")
    assert_refused(admin, ENABLE_MESSAGE_RATING=True)
    assert admin.get("/api/config").json["features"]["enable_message_rating"] is False


@pytest.mark.parametrize("name", ["ENABLE_NOTES", "ENABLE_CHANNELS"])
def test_feature_that_no_plugin_provides_cannot_be_switched_on(admin: Client, name: str) -> None:
    assert_refused(admin, **{name: True})
    features = admin.get("/api/config").json["features"]
    assert features["enable_notes"] is features["enable_channels"] is False


def test_unknown_group_refuses_the_whole_form(admin: Client) -> None:
    form = admin.get(CONFIG).json | {"DEFAULT_GROUP_ID": "nothing", "ENABLE_SIGNUP": True}
    assert admin.post(CONFIG, form).status == 400
    assert admin.get(CONFIG).json["ENABLE_SIGNUP"] is False


def test_api_keys_are_switched_on_and_restricted(admin: Client) -> None:
    assert admin.post("/api/v1/auths/api_key").status == 403
    change(admin, ENABLE_API_KEYS=True)
    program = Client(admin.transport, admin.post("/api/v1/auths/api_key").json["api_key"])
    assert program.get("/api/models").status == 200
    change(
        admin,
        ENABLE_API_KEYS_ENDPOINT_RESTRICTIONS=True,
        API_KEYS_ALLOWED_ENDPOINTS="/api/v1/chats",
    )
    assert (program.get("/api/models").status, program.get("/api/v1/chats/").status) == (403, 200)
    change(admin, ENABLE_API_KEYS=False)
    assert program.get("/api/v1/chats/").status == 403


def test_folders_are_switched_off(admin: Client) -> None:
    change(admin, ENABLE_FOLDERS=False)
    assert admin.get("/api/v1/folders/").status == 403
    change(admin, ENABLE_FOLDERS=True)
    assert admin.get("/api/v1/folders/").status == 200


def test_pinned_setting_accepts_only_its_own_value(
    env: dict[str, str],
    complete_schema: Callable[[Application], None],
) -> None:
    app = InProcessApp(env | ON | {"JWT_EXPIRES_IN": "2w"}, complete_schema)
    try:
        admin = app.client.sign_up("Ada")
        assert_refused(admin, ENABLE_API_KEYS=False)
        assert_refused(admin, JWT_EXPIRES_IN="1h")
        config = change(
            admin, ENABLE_API_KEYS=True, JWT_EXPIRES_IN="2w", ENABLE_COMMUNITY_SHARING=True
        )
        assert config["pinned"] == ["ENABLE_API_KEYS", "JWT_EXPIRES_IN"]
        assert (config["ENABLE_API_KEYS"], config["JWT_EXPIRES_IN"]) == (True, "2w")
        assert config["ENABLE_COMMUNITY_SHARING"] is True
    finally:
        app.close()


def test_changed_settings_survive_a_restart(
    env: dict[str, str], complete_schema: Callable[[Application], None]
) -> None:
    for _ in range(2):
        app = InProcessApp(env, complete_schema)
        try:
            if not app.run(app.portico.identity.accounts.any_exists):
                change(
                    app.client.sign_up("Ada"),
                    RESPONSE_WATERMARK="AI",
                    ENABLE_COMMUNITY_SHARING=True,
                )
            config = app.client.sign_in("Ada").get(CONFIG).json
            assert (config["RESPONSE_WATERMARK"], config["ENABLE_COMMUNITY_SHARING"]) == (
                "AI",
                True,
            )
        finally:
            app.close()


def test_changes_are_in_the_audit_log(admin: Client) -> None:
    change(admin)
    assert admin.get("/api/v1/audit?event=setting.changed").json["entries"] == []
    change(admin, ENABLE_COMMUNITY_SHARING=True, ENABLE_SIGNUP=True)
    (entry,) = admin.get("/api/v1/audit?event=setting.changed").json["entries"]
    assert entry["author_name"] == "Ada"
    assert entry["new"] == {"ENABLE_COMMUNITY_SHARING": True, "ENABLE_SIGNUP": True}


def test_malformed_form_changes_nothing(admin: Client) -> None:
    form = admin.get(CONFIG).json
    for name, value in (("ENABLE_SIGNUP", "yes"), ("JWT_EXPIRES_IN", 4), ("WEBUI_URL", None)):
        assert admin.post(CONFIG, form | {name: value}).status == 422
    without = {name: value for name, value in form.items() if name != "ENABLE_NOTES"}
    assert admin.post(CONFIG, without).status == 422
    assert admin.post(CONFIG, form | {"PENDING_USER_OVERLAY_TITLE": None}).status == 200
    assert admin.get(CONFIG).json == form


def test_users_cannot_read_or_change_admin_config(admin: Client, app: InProcessApp) -> None:
    ben = admin.add_user("Ben")
    assert ben.get(CONFIG).status == 403
    assert ben.post(CONFIG, admin.get(CONFIG).json).status == 403


def test_invalid_stored_value_is_ignored(admin: Client, app: InProcessApp) -> None:
    async def spoil() -> None:
        values = {
            "settings.ui.enable_signup": "perhaps",
            "settings.auth.jwt_expiry": 7,
            "settings.ui.default_user_role": "root",
            "settings.ui.enable_community_sharing": None,
        }
        await app.portico.settings_store.set(values, "")

    before = admin.get(CONFIG).json
    app.run(spoil)
    assert admin.get(CONFIG).json == before


@pytest.mark.case("AB-23")
def test_api_key_cannot_change_settings(admin: Client) -> None:
    change(admin, ENABLE_API_KEYS=True)
    program = Client(admin.transport, admin.post("/api/v1/auths/api_key").json["api_key"])
    assert program.post(CONFIG, program.get(CONFIG).json).status == 403
