"""Calls of models of Ollama servers: through OpenAI's API, in the accounts, and given up by their clients."""

import ollama as package
import openai
import pytest
from tests.ollama_server import FIGURES, OllamaServer
from tests.one_database import database_url  # noqa: F401 - a fixture

from portico.testing import Client, InProcessApp, ServerProcess

HI = [{"role": "user", "content": "hi"}]
pytestmark = pytest.mark.timeout(120)


def test_models_are_used_through_openais_api(server: ServerProcess, ollama: OllamaServer) -> None:
    token = server.client.sign_up("Ada").token
    with openai.OpenAI(base_url=f"{server.url}/api/v1", api_key=token, max_retries=0) as client:
        assert client.models.retrieve("llama3:latest").owned_by == "ollama"
        stream = client.chat.completions.create(
            model="llama3:latest", messages=HI, stream=True, reasoning_effort="high"
        )
        parts = list(stream)
        assert "".join(part.choices[0].delta.content or "" for part in parts) == "You said: hi"
        assert parts[0].choices[0].delta.model_extra == {"reasoning_content": "Let me see."}
        assert parts[-1].usage is not None and parts[-1].usage.total_tokens == 36
        vectors = client.embeddings.create(model="llama3:latest", input=["a", "bcd"]).data
        assert [item.embedding for item in vectors] == [[1.0, 0.5], [3.0, 0.5]]
    with openai.OpenAI(base_url=f"{server.url}/ollama/v1", api_key=token, max_retries=0) as client:
        assert [model.id for model in client.models.list()] == ollama.names
        answer = client.chat.completions.create(model="llama3", messages=HI)
        assert answer.choices[0].message.content == "You said: hi"
        completion = client.completions.create(model="llama3", prompt="hi")
        assert completion.choices[0].text == "You said: hi"
        with pytest.raises(openai.NotFoundError, match="Model not found"):
            client.chat.completions.create(model="absent", messages=HI)


def test_server_stops_when_the_client_leaves(server: ServerProcess, ollama: OllamaServer) -> None:
    ollama.names.append("silence:latest")
    admin = server.client.sign_up("Ada")
    assert admin.get("/api/models?refresh=true").status == 200
    headers = {"Authorization": f"Bearer {admin.token}"}
    with package.Client(f"{server.url}/ollama", headers=headers) as client:
        parts = client.chat("silence", HI, stream=True)
        assert next(iter(parts)).message.content == "first "
        assert ollama.open_calls == 1
    ollama.wait_until_idle()


@pytest.mark.parametrize("stream", [True, False])
def test_calls_of_ollamas_api_are_accounted(app: InProcessApp, user: Client, stream: bool) -> None:
    for path, form in (
        ("chat", {"messages": HI}),
        ("generate", {"prompt": "hi"}),
        ("embed", {"input": "hi"}),
    ):
        form |= {"model": "llama3", "stream": stream}
        assert user.post(f"/ollama/api/{path}", form).status == 200
    [usage] = [one for one in app.portico.contributions if one.plugin_name == "usage"]
    app.run(usage.components.writer.flush)
    calls = user.get("/api/v1/usage/me/calls").json["items"]
    tokens = (FIGURES["prompt_eval_count"], FIGURES["eval_count"])
    assert sorted((one["input_tokens"], one["output_tokens"]) for one in calls) == sorted(
        [tokens, tokens, (1, 0)]
    )
    assert {one["model"] for one in calls} == {"llama3:latest"}
