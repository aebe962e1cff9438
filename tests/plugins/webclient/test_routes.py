"""Features that no plugin provides look as if nothing had been created yet."""

import pytest

from portico.testing import Client, SocketIOClient

USER_LISTS = (
    "configs/banners",
    "tools",
    "tools/list",
    "functions",
    "knowledge",
    "knowledge/list",
    "prompts",
    "prompts/list",
    "notes",
    "notes/list",
    "channels",
    "files",
    "images/models",
    "memories",
    "terminals",
)
#: Pages of administrators that stay empty without these, each with one of the fields that the page reads.
SETTINGS = {
    "/api/v1/audio/config": "stt",
    "/api/v1/images/config": "ENABLE_IMAGE_GENERATION",
    "/api/v1/retrieval/config": "web",
    "/api/v1/retrieval/embedding": "openai_config",
    "/api/v1/configs/code_execution": "ENABLE_CODE_EXECUTION",
    "/api/v1/configs/connections": "ENABLE_DIRECT_CONNECTIONS",
    "/api/v1/configs/models": "MODEL_ORDER_LIST",
    "/api/v1/configs/tool_servers": "TOOL_SERVER_CONNECTIONS",
    "/api/v1/evaluations/config": "EVALUATION_ARENA_MODELS",
    "/api/v1/pipelines/list": "data",
    "/api/webhook": "url",
}
#: What creates or changes a part of a feature that is off; first those that users can reach.
REFUSED_TO_USERS = ("files", "tools/create", "knowledge/create", "notes/create", "audio/speech")
REFUSED = (
    "configs/tool_servers/verify",
    "functions/create",
    "retrieval/reset/db",
    "utils/code/format",
)


@pytest.fixture
def env(env: dict[str, str]) -> dict[str, str]:
    return env | {"PORTICO_PLUGINS_ONLY": "accounts,password,webclient"}


def test_lists_for_users_are_empty(user: Client) -> None:
    for path in (f"/api/v1/{name}{slash}" for name in USER_LISTS for slash in ("", "/")):
        answer = user.get(path)
        assert (answer.status, answer.json) == (200, []), path


def test_list_for_administrators_is_refused_to_users(admin: Client, user: Client) -> None:
    answer = admin.get("/api/v1/functions/list")
    assert (answer.status, answer.json) == (200, [])
    assert user.get("/api/v1/functions/list").status == 403


def test_changelog_says_what_stays_empty_and_needs_no_sign_in(client: Client) -> None:
    config, answer = client.get("/api/config").json, client.get("/api/changelog")
    assert "Plugins decide" in answer.json[config["version"]]["added"][0]["content"]


def test_lists_are_refused_to_pending_accounts(admin: Client) -> None:
    pending = admin.add_user("Pia", role="pending")
    assert {pending.get(f"/api/v1/{name}/").status for name in USER_LISTS} == {403}


def test_settings_of_features_that_are_off_are_empty_and_for_administrators(
    admin: Client, user: Client
) -> None:
    for path, field in SETTINGS.items():
        answer = admin.get(path)
        assert (answer.status, field in answer.json) == (200, True), path
        assert user.get(path).status == 403, path


def test_change_of_a_feature_that_is_off_is_refused_with_a_sentence(
    admin: Client, user: Client
) -> None:
    for path in REFUSED_TO_USERS + REFUSED:
        answer = admin.post(f"/api/v1/{path}", {"name": "Mine"})
        assert answer.status == 400, path
        assert answer.json["detail"].endswith(
            "not available on this server: no plugin provides them."
        )
    assert {user.post(f"/api/v1/{path}").status for path in REFUSED_TO_USERS} == {400}
    assert {user.post(f"/api/v1/{path}").status for path in REFUSED} == {403}


def test_settings_of_a_feature_that_is_off_can_be_saved_only_unchanged(admin: Client) -> None:
    for path, changed in {
        "/api/v1/audio/config": {"stt": {"ENGINE": "openai"}},
        "/api/v1/images/config": {"ENABLE_IMAGE_GENERATION": True},
        "/api/v1/retrieval/config": {"web": {"WEB_SEARCH_ENGINE": "searxng"}},
        "/api/v1/retrieval/embedding": {"RAG_EMBEDDING_BATCH_SIZE": 1},
        "/api/v1/configs/code_execution": {"CODE_EXECUTION_ENGINE": "jupyter"},
        "/api/v1/configs/tool_servers": {"TOOL_SERVER_CONNECTIONS": [{"url": "https://x"}]},
        "/api/webhook": {"url": "https://hooks.example/1"},
    }.items():
        target = path + "/update" * (admin.post(path, {}).status == 405)
        present = admin.get(path).json
        form = present | {"of a newer client": ""}
        assert admin.post(target, form).json == present, path
        refused = admin.post(target, present | changed)
        assert refused.status == 400 and "not available on this server" in refused.json["detail"]
        assert admin.get(path).json == present


def notice(socket: SocketIOClient) -> str:
    event = socket.wait_for("events", lambda one: one["data"]["type"] == "chat:completion")
    return str(event["data"]["data"]["content"])


def test_refused_form_whose_error_the_client_hides_is_shown_as_a_notice(admin: Client) -> None:
    with admin.connect_socket() as socket:
        form = {"stt": {"ENGINE": "openai"}}
        assert admin.post("/api/v1/audio/config/update", form).status == 400
        assert notice(socket).startswith("Speech features are not available")
        form = admin.get("/api/v1/auths/admin/config").json | {"JWT_EXPIRES_IN": "forever"}
        assert admin.post("/api/v1/auths/admin/config", form).status == 400
        assert "JWT_EXPIRES_IN" in notice(socket)
