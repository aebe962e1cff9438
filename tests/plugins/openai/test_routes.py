"""`/openai`: lists of models, verification, calls of models, and requests that pass through."""

from collections.abc import Iterator
from typing import Any

import pytest
from tests.one_database import database_url  # noqa: F401 - a fixture
from tests.plugins.openai.requests import settings
from tests.upstream import KEY, WORDS, Connection, Received, Upstream

from portico.api import Service
from portico.api.auth import ProviderSession, ProviderTokens
from portico.testing import Client, InProcessApp
from portico_openai.caller_headers import CallerHeaders
from portico_openai.connection import connections
from portico_openai.settings import OpenAISettings

CONFIG = "/openai/config"
CHAT = "/openai/chat/completions"
HELLO = [{"role": "user", "content": "hi"}]
OPENED = {"id": "good", "name": "Base", "meta": {}, "params": {}, "access_control": None}


class Provider(Upstream):
    """A provider with a file endpoint: it answers with what it received."""

    media_type = "text/html"

    async def _respond(self, connection: Connection, request: Received) -> None:
        if request.path.startswith("/v1/files"):
            await connection.answer(b"received", kind=self.media_type, set_cookie="a=b")
        else:
            await super()._respond(connection, request)


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider(key=KEY) as running:
        yield running


@pytest.fixture
def env(env: dict[str, str]) -> dict[str, str]:
    return env | {"ENABLE_FORWARD_USER_INFO_HEADERS": "true", "WEBUI_NAME": "Ours"}


def connect(admin: Client, provider: Upstream, *, key: str = KEY, **options: Any) -> None:
    form = {
        "OPENAI_API_BASE_URLS": [provider.url],
        "OPENAI_API_KEYS": [key],
        "OPENAI_API_CONFIGS": {"0": options},
    }
    answer = admin.post(f"{CONFIG}/update", form)
    assert answer.status == 200, answer


def ids(answer: Any) -> list[str]:
    assert answer.status == 200, answer
    return [one["id"] for one in answer.json["data"]]


def test_lists_hold_what_the_caller_may_use(admin: Client, provider: Provider) -> None:
    provider.models = [
        {"id": "good", "object": "model", "created": 1, "owned_by": "m"},
        {"id": "b"},
    ]
    connect(admin, provider, prefix_id="lab")
    ben = admin.add_user("Ben")
    assert ids(admin.get("/openai/models")) == ["lab.good", "lab.b"]
    assert admin.get("/openai/models").json["data"][0]["urlIdx"] == 0
    assert admin.get("/openai/models/0").json == {"object": "list", "data": provider.models}
    assert ids(ben.get("/openai/models")) == ids(ben.get("/openai/models/0")) == []
    admin.post("/api/v1/models/create", OPENED | {"id": "lab.good"})
    assert ids(ben.get("/openai/models")) == ["lab.good"]
    assert ids(ben.get("/openai/models/0")) == ["good"]
    for index in ("1", "-1", "x", "99999"):
        assert admin.get(f"/openai/models/{index}").status == 404
    connect(admin, provider, enable=False)
    assert ids(admin.get("/openai/models/0")) == []


def test_connection_is_verified_before_it_is_stored(admin: Client, provider: Provider) -> None:
    form = {
        "url": f"{provider.url}/",
        "key": KEY,
        "config": {"auth_type": "bearer", "azure": False},
    }
    answer = admin.post("/openai/verify", form)
    assert answer.status == 200 and answer.json["data"] == provider.models
    assert provider.requests[-1].headers["authorization"] == f"Bearer {KEY}"
    assert admin.get(CONFIG).json["OPENAI_API_BASE_URLS"] == []


def test_masked_key_is_verified_for_its_own_url_only(admin: Client, provider: Provider) -> None:
    connect(admin, provider, headers={"X-Team": "blue"})
    form = {"url": provider.url, "key": "********", "config": {"auth_type": "bearer"}}
    assert admin.post("/openai/verify", form).status == 200
    assert provider.requests[-1].headers["authorization"] == f"Bearer {KEY}"
    assert provider.requests[-1].headers["x-team"] == "blue"
    moved = admin.post("/openai/verify", form | {"url": "http://127.0.0.1:9/v1"})
    assert moved.status == 400 and "key" in moved.detail


@pytest.mark.case("AB-44")
def test_failed_verification_says_why_without_details(admin: Client, provider: Provider) -> None:
    form = {"url": provider.url, "key": "sk-mine"}
    provider.listing = "500"
    assert admin.post("/openai/verify", form).status == 502
    provider.listing = "junk"
    answer = admin.post("/openai/verify", form)
    assert answer.status == 502 and "cannot be read" in answer.detail
    answer = admin.post("/openai/verify", form | {"url": "http://127.0.0.1:9/v1"})
    assert answer.status == 502 and "could not be reached" in answer.detail
    assert "127.0.0.1" not in answer.detail
    answer = admin.post("/openai/verify", form | {"config": {"auth_type": "session"}})
    assert answer.status == 400 and "auth_type" in answer.detail


def test_azure_is_verified_without_deployments(admin: Client, provider: Provider) -> None:
    config = {"azure": True, "api_version": "2024-10-21", "auth_type": "bearer"}
    url = provider.url.removesuffix("/v1")
    admin.post("/openai/verify", {"url": url, "key": KEY, "config": config})
    sent = provider.requests[-1]
    assert sent.path == "/openai/models?api-version=2024-10-21" and sent.headers["api-key"] == KEY


def test_call_has_the_parameters_and_the_prompt_of_the_record(
    admin: Client, provider: Provider
) -> None:
    connect(admin, provider)
    ben = admin.add_user("Ben")
    body = {"model": "desk", "messages": HELLO, "seed": 7, "session_id": "s", "bypass_filter": True}
    assert ben.post(f"{CHAT}?bypass_filter=true", body | {"model": "good"}).status == 404
    params = {"system": "Be brief.", "temperature": 0.5}
    desk = {"id": "desk", "name": "Desk", "base_model_id": "good", "meta": {}, "params": params}
    admin.post("/api/v1/models/create", desk | {"access_control": None})
    answer = ben.post(CHAT, body)
    assert answer.json["choices"][0]["message"]["content"] == "".join(WORDS)
    sent = provider.completions()[-1].json
    assert sent == {
        "model": "good",
        "stream": False,
        "messages": [{"role": "system", "content": "Be brief."}, *HELLO],
        "seed": 7,
        "temperature": 0.5,
    }
    streamed = ben.post(CHAT, body | {"stream": True})
    assert streamed.body.endswith(b"data: [DONE]\n\n")


def test_refusal_has_the_shape_of_openai(admin: Client, provider: Provider) -> None:
    connect(admin, provider)
    unknown = admin.post(CHAT, {"model": "none", "messages": HELLO})
    assert unknown.status == 404 and unknown.detail == "Model not found"
    assert unknown.json["error"]["code"] == "model_not_found"
    assert admin.post(CHAT, {"model": "good"}).status == 422
    assert admin.post(CHAT, {"model": "good", "messages": ["hi"]}).status == 422


def test_user_without_the_permission_sets_no_system_prompt(
    admin: Client, provider: Provider
) -> None:
    connect(admin, provider, access="public")
    ben = admin.add_user("Ben")
    defaults = admin.get("/api/v1/users/default/permissions").json
    closed = defaults | {"chat": defaults["chat"] | {"system_prompt": False}}
    assert admin.post("/api/v1/users/default/permissions", closed).status == 200
    messages = [{"role": "system", "content": "Obey."}, *HELLO]
    assert ben.post(CHAT, {"model": "good", "messages": messages}).status == 200
    assert provider.completions()[-1].json["messages"] == HELLO


@pytest.mark.case("AB-43")
def test_provider_learns_who_asks_and_nothing_that_signs_in(
    admin: Client, provider: Provider
) -> None:
    connect(admin, provider, access="public")
    ben = admin.add_user("Bén")
    ben.request(
        "POST",
        CHAT,
        json={"model": "good", "messages": HELLO},
        headers={"Cookie": "token=secret", "X-OpenWebUI-User-Role": "admin"},
    )
    headers = provider.completions()[-1].headers
    assert headers["x-openwebui-user-name"] == "B%C3%A9n"
    assert headers["x-openwebui-user-id"] == ben.account["id"]
    assert headers["x-openwebui-user-email"] == "b%C3%A9n@example.org"
    assert headers["x-openwebui-user-role"] == "user"
    assert "cookie" not in headers and headers["authorization"] == f"Bearer {KEY}"


def test_connection_with_tokens_of_users_sends_that_of_the_caller(
    app: InProcessApp, admin: Client, provider: Provider
) -> None:
    class Tokens:
        """The tokens of an OAuth provider at which all users have signed in."""

        async def access_token(self, session_id: str) -> str | None:
            return f"oauth-{bool(session_id)}"

        async def of_account(self, account_id: str) -> list[ProviderSession]:
            return []

    app.portico.context.services.provide("test", Service(ProviderTokens, Tokens()))
    connect(admin, provider, auth_type="system_oauth")
    assert admin.post(CHAT, {"model": "good", "messages": HELLO}).status == 200
    assert provider.completions()[-1].headers["authorization"] == "Bearer oauth-True"


def test_openrouter_learns_the_name_of_the_server(app: InProcessApp) -> None:
    headers = CallerHeaders(app.portico.context, OpenAISettings())

    def of(url: str) -> dict[str, str]:
        [connection] = connections(settings(url))
        return headers.of_server(connection)

    assert of("https://openrouter.ai/api/v1") == {"X-Title": "Ours"}
    assert of("https://openrouter.ai.example/v1") == of("https://api.openai.com/v1") == {}


def test_connection_with_tokens_of_users_refuses_those_without_one(
    admin: Client, provider: Provider
) -> None:
    connect(admin, provider, auth_type="system_oauth")
    answer = admin.post(CHAT, {"model": "good", "messages": HELLO})
    assert answer.status == 403 and "OAuth provider" in answer.detail
    assert provider.completions() == []


def test_nothing_passes_through_unless_the_operator_allows_it(
    admin: Client, provider: Provider
) -> None:
    connect(admin, provider)
    for method in ("GET", "POST", "PUT", "DELETE"):
        assert admin.request(method, "/openai/files").status == 403
    assert admin.post("/openai/audio/speech", {"model": "tts-1"}).status == 403
    assert all(one.path.endswith("/models") for one in provider.requests)


class TestPassthrough:
    """An operator who has allowed it."""

    @pytest.fixture
    def env(self, env: dict[str, str]) -> dict[str, str]:
        return env | {"ENABLE_OPENAI_API_PASSTHROUGH": "true"}

    def test_administrators_reach_every_path_of_the_first_connection(
        self, admin: Client, provider: Provider
    ) -> None:
        assert admin.get("/openai/files").status == 404, "there is no connection"
        connect(admin, provider)
        answer = admin.request(
            "POST",
            "/openai/files/a%20b?purpose=x",
            json={"a": 1},
            headers={"Cookie": "token=secret", "X-Mine": "1"},
        )
        assert (answer.status, answer.body) == (200, b"received")
        assert answer.headers["content-type"] == "application/octet-stream"
        assert "set-cookie" not in answer.headers
        sent = provider.requests[-1]
        assert (sent.method, sent.path) == ("POST", "/v1/files/a%20b?purpose=x")
        assert sent.json == {"a": 1} and sent.headers["authorization"] == f"Bearer {KEY}"
        assert not {"cookie", "x-mine"} & sent.headers.keys()

    def test_users_reach_nothing(self, admin: Client, provider: Provider) -> None:
        connect(admin, provider)
        ben = admin.add_user("Ben")
        for method in ("GET", "POST", "PUT", "DELETE"):
            assert ben.request(method, "/openai/files").status == 403
        assert ben.post("/openai/files").detail.startswith("You do not have permission")

    @pytest.mark.parametrize("path", ["../admin", "a/%2e%2e/b", "a%5Cb", "a/."])
    def test_path_that_leaves_the_base_url_is_not_found(
        self, admin: Client, provider: Provider, path: str
    ) -> None:
        connect(admin, provider)
        before = len(provider.requests)
        assert admin.get(f"/openai/{path}").status == 404
        assert len(provider.requests) == before

    def test_errors_are_those_of_all_sources(self, admin: Client, app: InProcessApp) -> None:
        with Upstream() as other:
            connect(admin, other)
            refused = admin.post("/openai/speech", {"model": "status-401"})
            assert refused.status == 502 and "rejected the credentials" in refused.detail
            assert KEY not in refused.body.decode()
