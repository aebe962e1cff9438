"""Connections to providers that an administrator edits at one instance, and the others follow."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openai
import pytest
from tests.instance_changes import PATIENCE, Two
from tests.ollama_server import OllamaServer
from tests.upstream import WORDS, Upstream

from portico.testing import Client, InProcessApp, ServerProcess

CONFIG = "/openai/config"


@pytest.fixture
def env(env: dict[str, str]) -> dict[str, str]:
    """The settings without any connection of the operator."""
    return {name: value for name, value in env.items() if not name.startswith("OPENAI_")}


@pytest.fixture
def two(two_apps: tuple[InProcessApp, InProcessApp]) -> Two:
    return Two(*two_apps)


def ids(who: Client) -> set[str]:
    models = who.get("/api/models").json["data"]
    return {one["id"] for one in models if "arena" not in one}


def test_connection_is_in_force_at_once_here_and_soon_at_the_other_instance(
    two: Two, upstream: Upstream
) -> None:
    def save(key: str, **options: Any) -> None:
        form = {
            "OPENAI_API_BASE_URLS": [upstream.url],
            "OPENAI_API_KEYS": [key],
            "OPENAI_API_CONFIGS": {"0": {"access": "public", **options}},
        }
        two.post(f"{CONFIG}/update", form)

    def key_sent(who: Client) -> str:
        model = "shop.good"
        body = {"model": model, "messages": [{"role": "user", "content": "hi"}]}
        if who.post("/api/chat/completions", body).status != 200:
            return ""
        return upstream.completions()[-1].headers["authorization"]

    two.both(ids, set())
    save("sk-1", prefix_id="lab")
    two.both(ids, {"lab.good"})
    save("sk-1", prefix_id="shop")
    two.both(ids, {"shop.good"})
    two.both(key_sent, "Bearer sk-1")
    save("sk-2", prefix_id="shop")
    two.both(key_sent, "Bearer sk-2")
    save("********", enable=False)
    two.both(ids, set())


def test_lost_message_delays_a_connection_until_cached_settings_expire(
    two: Two, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    for app in two.apps:
        monkeypatch.setattr(app.portico.instance_channel, "publish", _lose)
    assert ids(two.there) == set()
    form = {
        "OPENAI_API_BASE_URLS": [upstream.url],
        "OPENAI_API_KEYS": ["sk-1"],
        "OPENAI_API_CONFIGS": {"0": {"access": "public"}},
    }
    two.post(f"{CONFIG}/update", form)
    wait_until(lambda: ids(two.there) == {"good"})


def test_connection_of_a_running_server_answers_the_openai_package(
    server: ServerProcess, upstream: Upstream
) -> None:
    ada = server.client.sign_up("Ada")
    form = {
        "OPENAI_API_BASE_URLS": [upstream.url],
        "OPENAI_API_KEYS": ["sk-1"],
        "OPENAI_API_CONFIGS": {"0": {}},
    }
    assert ada.post(f"{CONFIG}/update", form).status == 200
    sdk = openai.OpenAI(base_url=f"{server.url}/openai", api_key=ada.token, max_retries=0)
    assert [model.id for model in sdk.models.list()] == ["good"]
    whole = sdk.chat.completions.create(model="good", messages=[{"role": "user", "content": "hi"}])
    assert whole.choices[0].message.content == "".join(WORDS)
    streamed = sdk.chat.completions.create(
        model="good", messages=[{"role": "user", "content": "hi"}], stream=True
    )
    assert "".join(part.choices[0].delta.content or "" for part in streamed) == "".join(WORDS)
    with pytest.raises(openai.NotFoundError) as refused:
        sdk.chat.completions.create(model="none", messages=[{"role": "user", "content": "hi"}])
    assert refused.value.message and refused.value.code == "model_not_found"
    with pytest.raises(openai.PermissionDeniedError):
        sdk.audio.speech.create(model="tts-1", voice="alloy", input="hi")
    server.stop()
    server.start()
    assert [model.id for model in sdk.models.list()] == ["good"]


def test_stored_keys_are_in_no_file_of_the_server(two: Two, upstream: Upstream) -> None:
    form = {
        "OPENAI_API_BASE_URLS": [upstream.url],
        "OPENAI_API_KEYS": ["sk-found-in-no-file"],
        "OPENAI_API_CONFIGS": {"0": {"headers": {"X-Team": "header-found-in-no-file"}}},
    }
    two.post(f"{CONFIG}/update", form)
    directory = two.apps[0].portico.settings.data_dir
    files = [one for one in Path(directory).rglob("*") if one.is_file()]
    assert not any(b"found-in-no-file" in one.read_bytes() for one in files)


def _lose(*_: object, **__: object) -> None:
    """Publish nothing."""


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_ollama_connection_is_in_force_at_both_instances(two: Two) -> None:
    with OllamaServer() as ollama:
        configs = {"0": {"access": "public", "prefix_id": "lab", "model_ids": ["llama3"]}}
        form = {"OLLAMA_BASE_URLS": [ollama.url], "OLLAMA_API_CONFIGS": configs}
        two.post("/ollama/config/update", form)
        two.both(ids, {"lab.llama3:latest"})
        two.post("/ollama/config/update", form | {"ENABLE_OLLAMA_API": False})
        two.both(ids, set())
