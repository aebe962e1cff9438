"""The `ollama` package as a client of a real server: what its users call, and the errors they see."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import ollama as package
import pytest
from tests.ollama_server import OllamaServer
from tests.one_database import database_url  # noqa: F401 - a fixture

from portico.testing import ServerProcess

pytestmark = pytest.mark.timeout(120)
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
NewClient = Callable[[str], package.Client]
HI = [{"role": "user", "content": "hi"}]


@pytest.fixture
def client(server: ServerProcess) -> Iterator[NewClient]:
    """Makes a client of the package with a token, as a user sets it up."""
    with ExitStack() as opened:
        yield lambda token: opened.enter_context(
            package.Client(f"{server.url}/ollama", headers={"Authorization": f"Bearer {token}"})
        )


def weather(city: str) -> str:
    """Say what the weather is.

    Args:
      city: The name of the city
    """
    return f"rain in {city}"


def test_ollama_package_lists_shows_chats_and_embeds(
    server: ServerProcess, ollama: OllamaServer, client: NewClient
) -> None:
    admin = server.client.sign_up("Ada")
    user = client(admin.add_user("Ben").token)

    assert [model.model for model in user.list().models] == ["llama3:latest", "qwen:0.5b"]
    shown = user.show("llama3")
    assert shown.details is not None and shown.details.family == "llama"
    assert shown.modelfile is None and shown.capabilities == ["completion", "tools"]

    whole = user.chat("llama3", HI, options={"temperature": 0.5}, think=True)
    assert (whole.message.content, whole.message.thinking) == ("You said: hi", "Let me see.")
    assert whole.done and whole.eval_count == 10 and whole.total_duration == 5_000_000_000
    parts = list(user.chat("llama3", HI, stream=True))
    assert "".join(part.message.content or "" for part in parts) == "You said: hi"
    assert parts[-1].done_reason == "stop" and parts[-1].prompt_eval_count == 26

    image = {"role": "user", "content": "What is it?", "images": [PIXEL]}
    assert user.chat("llama3", [image]).message.content == "1 images"
    assert ollama.received("/api/chat")[-1].json["messages"][0]["images"] == [PIXEL]

    assert user.generate("llama3", "hello").response == "You said: hello"
    texts = [part.response for part in user.generate("llama3", "hello", stream=True)]
    assert "".join(texts) == "You said: hello"
    assert user.embed("llama3", ["a", "bcd"]).embeddings == [[1.0, 0.5], [3.0, 0.5]]
    assert user.embeddings("llama3", "abc").embedding == [3.0, 0.5]


@pytest.mark.parametrize("stream", [True, False])
def test_ollama_package_calls_tools(
    server: ServerProcess, ollama: OllamaServer, client: NewClient, stream: bool
) -> None:
    user = client(server.client.sign_up("Ada").token)
    answer = user.chat("llama3", HI, tools=[weather], stream=stream)
    messages = [part.message for part in answer] if stream else [answer.message]
    [call] = [call for message in messages for call in message.tool_calls or ()]
    assert (call.function.name, call.function.arguments) == ("weather", {"city": "Bern"})
    result = {"role": "tool", "tool_name": "weather", "content": weather(**call.function.arguments)}
    user.chat("llama3", [*HI, {"role": "assistant", "tool_calls": [call]}, result])
    sent = ollama.received("/api/chat")[-1].json["messages"]
    assert sent[1]["tool_calls"][0]["function"] == {
        "name": "weather",
        "arguments": {"city": "Bern"},
    }
    assert sent[2]["tool_name"] == "weather" and sent[2]["content"] == "rain in Bern"


def test_ollama_package_changes_models(
    server: ServerProcess, ollama: OllamaServer, client: NewClient
) -> None:
    admin = client(server.client.sign_up("Ada").token)
    progress = list(admin.pull("new:1b", stream=True))
    assert [step.status for step in progress][::3] == ["pulling manifest", "success"]
    assert progress[1].total == 10 and progress[1].completed == 5
    assert admin.pull("other:1b").status == "success"
    assert admin.copy("new:1b", "mine").status == "success"
    assert admin.delete("new:1b").status == "success"
    assert admin.create("made:1b", from_="llama3", system="Be brief.").status == "success"
    assert [step.status for step in admin.push("mine", stream=True)][-1] == "success"
    ollama.loaded = ["llama3:latest"]
    assert [model.model for model in admin.ps().models] == ["llama3:latest"]
    names = [model.model for model in admin.list().models]
    assert names == ["llama3:latest", "qwen:0.5b", "other:1b", "mine:latest", "made:1b"]


def test_ollama_package_shows_errors(
    server: ServerProcess, ollama: OllamaServer, client: NewClient
) -> None:
    admin = server.client.sign_up("Ada")
    user = client(admin.add_user("Ben").token)
    for call in (
        lambda: user.chat("absent", HI),
        lambda: list(user.chat("absent", HI, stream=True)),
        lambda: user.show("absent"),
        lambda: user.embed("absent", "a"),
    ):
        with pytest.raises(package.ResponseError) as unknown:
            call()
        assert (unknown.value.status_code, unknown.value.error) == (404, "Model not found")
    with pytest.raises(package.ResponseError) as refused:
        user.pull("new:1b")
    assert refused.value.status_code == 403 and "permission" in refused.value.error
    with pytest.raises(package.ResponseError) as anonymous:
        client("wrong").chat("llama3", HI)
    assert anonymous.value.status_code == 401 and "session has expired" in anonymous.value.error
    with pytest.raises(package.ResponseError, match="file does not exist"):
        list(client(admin.token).pull("missing", stream=True))
    assert json.dumps([one.path for one in ollama.requests]).count("/api/chat") == 0
