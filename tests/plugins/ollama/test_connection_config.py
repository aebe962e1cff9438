"""Administrators change the connections to Ollama servers while Portico runs."""

from functools import partial
from typing import Any

import pytest
from tests.api_keys import ON, with_key
from tests.edited_connections import assert_refused, save_connections
from tests.ollama_server import OllamaServer

from portico.testing import Client, InProcessApp

CONFIG = "/ollama/config"
UPDATE = f"{CONFIG}/update"
MASK = "********"
OPTIONS: dict[str, Any] = {
    "enable": True, "tags": [], "prefix_id": "", "model_ids": [], "connection_type": "local", "key": "",
}  # fmt: skip


save = partial(save_connections, CONFIG)


@pytest.fixture
def env(env: dict[str, str]) -> dict[str, str]:
    """Settings without a server: the operator has set none."""
    return {name: value for name, value in env.items() if not name.startswith("OLLAMA_")}


def form(*urls: str, **configs: Any) -> dict[str, Any]:
    """All connections; `c0`: options of the first one."""
    return {
        "ENABLE_OLLAMA_API": True,
        "OLLAMA_BASE_URLS": list(urls),
        "OLLAMA_API_CONFIGS": {name[1:]: OPTIONS | given for name, given in configs.items()},
    }


def names(admin: Client) -> list[str]:
    return [model["model"] for model in admin.get("/ollama/api/tags").json["models"]]


def test_connection_is_in_force_at_once_and_stays_as_it_is_shown(
    admin: Client, ollama: OllamaServer
) -> None:
    ollama.key = "sk-first"
    usual = form("http://localhost:11434", c0={}) | {"pinned": []}
    assert admin.get(CONFIG).json == usual
    config = {"key": " sk-first ", "prefix_id": "lab", "headers": {"X-Team": "blue"}}
    shown = save(admin, form(f"{ollama.url}/api/", c0=config))
    assert shown["OLLAMA_BASE_URLS"] == [ollama.url]
    hidden = {"key": MASK, "prefix_id": "lab", "headers": {"X-Team": MASK}}
    assert shown["OLLAMA_API_CONFIGS"] == {"0": OPTIONS | hidden}
    assert names(admin) == ["lab.llama3:latest", "lab.qwen:0.5b"]
    assert save(admin, shown) == shown
    assert names(admin) == ["lab.llama3:latest", "lab.qwen:0.5b"]
    assert ollama.requests[-1].headers["x-team"] == "blue"
    del shown["ENABLE_OLLAMA_API"]
    off = save(admin, shown | {"ENABLE_OLLAMA_API": False})
    assert admin.get("/ollama/api/tags").status == 503
    assert save(admin, shown)["ENABLE_OLLAMA_API"] is False, "left out means unchanged"
    assert off["OLLAMA_API_CONFIGS"] == {"0": OPTIONS | hidden}


def test_weight_and_order_are_those_of_the_source(admin: Client, ollama: OllamaServer) -> None:
    shown = save(admin, form(ollama.url, c0={"weight": 2.5, "order": 1}))
    assert shown["OLLAMA_API_CONFIGS"] == {"0": OPTIONS | {"weight": 2.5, "order": 1}}
    assert names(admin) == ollama.names
    [source] = admin.get("/api/v1/sources").json["sources"]
    assert (source["weight"], source["order"]) == (2.5, 1)


@pytest.mark.case("AB-43")
def test_stored_key_is_not_sent_to_another_server(admin: Client, ollama: OllamaServer) -> None:
    save(admin, form(ollama.url, c0={"key": "sk-1"}))
    with OllamaServer() as other:
        for refused in (
            admin.post(UPDATE, form(other.url, c0={"key": MASK})),
            admin.post("/ollama/verify", {"url": other.url, "key": MASK}),
        ):
            assert refused.status == 400 and "send it again" in refused.detail
        assert not other.requests
    assert admin.get(CONFIG).json["OLLAMA_BASE_URLS"] == [ollama.url]


@pytest.mark.parametrize(
    ("url", "options", "words"),
    [
        ("localhost:11434", {}, ("OLLAMA_BASE_URLS.0", "http://")),
        ("http://user:pw@host", {}, ("OLLAMA_BASE_URLS.0", "user or password")),
        ("http://host", {"key": "a\nb"}, ("OLLAMA_API_CONFIGS.0.key",)),
        ("http://host", {"key": 5}, ("OLLAMA_API_CONFIGS.0.key",)),
        ("http://host", {"connection_type": "near"}, ("OLLAMA_API_CONFIGS.0.connection_type",)),
        ("http://host", {"azure": True}, ("OLLAMA_API_CONFIGS.0.azure", "not supported")),
    ],
)
def test_connection_that_can_not_work_is_refused(
    admin: Client, url: str, options: Any, words: tuple[str, ...]
) -> None:
    assert_refused(CONFIG, admin, form(url, c0=options), *words)


def test_keys_are_encrypted_at_rest(app: InProcessApp, admin: Client, ollama: OllamaServer) -> None:
    save(admin, form(ollama.url, c0={"key": "sk-very-secret"}))

    async def stored() -> list[Any]:
        from portico.db import fetch_all

        audit = await fetch_all("SELECT * FROM portico_audit")
        return [*audit, *await fetch_all("SELECT * FROM portico_configuration")]

    found = str(app.run(stored))
    assert ollama.url in found and "very-secret" not in found


def test_verify_answers_the_version_or_names_no_address(
    admin: Client, user: Client, ollama: OllamaServer
) -> None:
    ollama.key = "sk-1"
    answer = admin.post("/ollama/verify", {"url": f"{ollama.url}/", "key": "sk-1"})
    assert answer.json == {"version": ollama.version}
    refused = admin.post("/ollama/verify", {"url": ollama.url, "key": "sk-2"})
    assert refused.status == 502 and "rejected the credentials" in refused.detail
    assert refused.json["error"] == refused.detail
    save(admin, form(ollama.url, c0={"key": "sk-1", "headers": {"X-Team": "blue"}}))
    assert admin.post("/ollama/verify", {"url": ollama.url, "key": MASK}).status == 200
    assert ollama.received("/api/version")[-1].headers["x-team"] == "blue"
    down = admin.post("/ollama/verify", {"url": "http://127.0.0.1:9"})
    assert down.status == 502 and "127.0.0.1" not in down.body.decode()
    for path in ("/ollama/verify", UPDATE):
        assert user.post(path, {"url": ollama.url} | form()).status == 403
    assert user.get(CONFIG).status == 403


def test_key_can_neither_change_nor_try_connections(opened: Any, ollama: OllamaServer) -> None:
    admin = opened(ON).client.sign_up("Ada")
    key = with_key(admin)
    assert key.get(CONFIG).json == admin.get(CONFIG).json
    assert key.post("/ollama/verify", {"url": ollama.url}).status == 403
    assert key.post(UPDATE, form(ollama.url)).status == 403
    assert not ollama.requests
    assert admin.post("/ollama/verify", {"url": ollama.url}).status == 200


def test_pinned_connections_cannot_be_changed(
    opened: Any, admin: Client, ollama: OllamaServer
) -> None:
    admin = opened(ollama.environment).client.sign_in("Ada")
    shown = admin.get(CONFIG).json
    assert shown["pinned"] == ["OLLAMA_API_CONFIGS", "OLLAMA_BASE_URLS"]
    assert save(admin, shown) == shown
    refused = admin.post(UPDATE, shown | {"OLLAMA_BASE_URLS": ["http://other"]})
    assert refused.status == 400 and "OLLAMA_BASE_URLS" in refused.detail
