"""The example plugin, installed beside Portico in an environment of its own."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.one_database import database_url  # noqa: F401 - a fixture

from portico.testing import InProcessApp, ServerProcess

if TYPE_CHECKING:
    from tests.environments import Environment

pytest_plugins = ["tests.environments"]
ECHO = Path(__file__).parents[2] / "examples" / "portico-echo"
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def with_echo(
    fresh_environment: "Environment", tmp_path_factory: pytest.TempPathFactory
) -> "Environment":
    source = tmp_path_factory.mktemp("portico-echo")
    for file in ECHO.glob("*.*"):
        (source / file.name).write_bytes(file.read_bytes())
    fresh_environment.install_project(source)
    return fresh_environment


@pytest.fixture
def echoing(
    with_echo: "Environment", env: dict[str, str], tmp_path: Path
) -> Iterator[ServerProcess]:
    server = ServerProcess(env | {"PORTICO_ECHO_TIMES": "2"}, tmp_path, with_echo.python)
    yield server.start()
    server.kill()


def test_third_party_model_answers_at_the_same_endpoint(echoing: ServerProcess) -> None:
    ada = echoing.client.sign_up("Ada")
    ben = ada.add_user("Ben")
    assert [model["id"] for model in ben.get("/api/models").json["data"]] == ["echo"]
    assert ben.complete("echo", "ho") == "hoho"
    assert ben.get("/api/x/echo/times").json == 2
    assert echoing.client.get("/api/x/echo/times").status == 401


def test_third_party_model_answers_messages_of_every_shape(
    env: dict[str, str], install: Callable[..., None], request: pytest.FixtureRequest
) -> None:
    install("echo", (ECHO / "portico_echo.py").read_text(), module="made_up_echo")
    app = InProcessApp(env)
    request.addfinalizer(app.close)
    ada = app.client.sign_up("Ada")
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
    parts = [{"type": "text", "text": "ho"}, image, {"type": "text", "text": "he"}]
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    for message, expected in (
        ({"role": "user", "content": parts}, "ho\nhe"),
        ({"role": "user", "content": [image]}, ""),
        ({"role": "user", "content": ""}, ""),
        ({"role": "assistant", "content": None, "tool_calls": [call]}, ""),
        ({"role": "assistant", "tool_calls": [call]}, ""),
    ):
        answer = ada.post("/api/chat/completions", {"model": "echo", "messages": [message]})
        assert answer.status == 200, message
        assert answer.json["choices"][0]["message"]["content"] == expected, message
    empty = ada.post("/api/chat/completions", {"model": "echo", "messages": []})
    assert empty.status in (200, 400), empty


def test_third_party_stream_has_the_openai_format(echoing: ServerProcess) -> None:
    ada = echoing.client.sign_up("Ada")
    question = {"model": "echo", "messages": [{"role": "user", "content": "ho"}], "stream": True}
    answer = ada.post("/api/chat/completions", question)
    assert answer.headers["content-type"].startswith("text/event-stream")
    *chunks, last = answer.events
    assert last == "[DONE]"
    deltas = [json.loads(chunk)["choices"][0]["delta"].get("content", "") for chunk in chunks]
    assert "".join(deltas) == "hoho"


def test_third_party_plugin_is_listed(with_echo: "Environment", tmp_path: Path) -> None:
    listed = json.loads(
        with_echo.run(with_echo.command("portico"), "plugin", "list", "--json", cwd=tmp_path)
    )
    echo = next(plugin for plugin in listed if plugin["name"] == "echo")
    assert (echo["state"], echo["distribution"]) == ("active", "portico-echo")
    assert echo["contributes"]["model sources"] == ["echo"]


def test_third_party_settings_are_validated(with_echo: "Environment", tmp_path: Path) -> None:
    with pytest.raises(pytest.fail.Exception, match="plugins.echo.times.*from 1 to 10"):
        with_echo.run(
            with_echo.command("portico"),
            "config",
            cwd=tmp_path,
            environ={"PORTICO_ECHO_TIMES": "99"},
        )
