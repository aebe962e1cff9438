"""The packages `openai` and `anthropic` against a real server: each thing that they do, translated and passed through.

The models `good` and `tool-user` come from a source that speaks only chat completions, `native.good` from one that has
all endpoints.
"""

import json
import subprocess
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest
from tests.api_keys import ON, new_key
from tests.native_endpoints import ARGUMENTS, TEXT
from tests.node_packages import install_packages
from tests.one_database import database_url  # noqa: F401 - a fixture
from tests.upstream import WORDS, Upstream

from portico.testing import ServerProcess

pytestmark = pytest.mark.timeout(120)
SAID = "".join(WORDS)
MODELS = ["good", "tool-user", "status-400", "status-429", "cut", "reasoning"]
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
HI: Any = [{"role": "user", "content": "hi"}]
ANTHROPIC_TOOL: Any = {"name": "weather", "description": "Tells it.", "input_schema": SCHEMA}


@pytest.fixture
def env(env: dict[str, str], upstream: Upstream) -> dict[str, str]:
    chat = {"access": "public", "model_ids": MODELS, "operations": ["chat", "embeddings"]}
    everything = ["chat", "embeddings", "responses", "messages"]
    native = {"access": "public", "model_ids": ["good"], "operations": everything}
    return env | {
        **ON,
        "OPENAI_API_BASE_URLS": f"{upstream.url};{upstream.url}",
        "OPENAI_API_KEYS": f"{upstream.key};{upstream.key}",
        "OPENAI_API_CONFIGS": json.dumps({"0": chat, "1": native | {"prefix_id": "native"}}),
    }


@pytest.fixture
def key(server: ServerProcess) -> str:
    return str(new_key(server.client.sign_up("Ada"))["api_key"])


@pytest.fixture
def sdk(server: ServerProcess, key: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{server.url}/api/v1", api_key=key, max_retries=0)


@pytest.fixture
def claude(server: ServerProcess, key: str) -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=f"{server.url}/api", api_key=key, max_retries=0)


def last_request(upstream: Upstream) -> Any:
    return upstream.requests[-1].json


@pytest.fixture(scope="session")
def javascript_client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory in which node finds the npm package `openai`."""
    return install_packages(Path(__file__).parent / "openai_client", tmp_path_factory)


def test_openai_lists_and_retrieves_models(sdk: openai.OpenAI) -> None:
    assert {"good", "native.good"} <= {model.id for model in sdk.models.list()}
    found = sdk.models.retrieve("native.good")
    assert (found.id, found.object) == ("native.good", "model")
    with pytest.raises(openai.NotFoundError, match="Model not found") as refused:
        sdk.models.retrieve("absent/model")
    assert refused.value.code == "model_not_found"


def test_openai_makes_embeddings(sdk: openai.OpenAI) -> None:
    # The package asks for base64 by itself.
    made = sdk.embeddings.create(model="good", input=["a", "bcd"], dimensions=2)
    assert [one.embedding for one in made.data] == [[1.0, 0.0], [3.0, 0.0]]


def test_openai_completes_chats_with_tools_and_images(
    sdk: openai.OpenAI, upstream: Upstream
) -> None:
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}
    tools: Any = [{"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}]
    asked: Any = [{"role": "user", "content": [{"type": "text", "text": "hi"}, image]}]
    made = sdk.chat.completions.create(model="tool-user", messages=asked, tools=tools)
    calls: Any = made.choices[0].message.tool_calls
    assert [call.function.arguments for call in calls][0] == ARGUMENTS
    assert last_request(upstream)["messages"] == asked
    chunks = list(
        sdk.chat.completions.create(
            model="tool-user", messages=asked, stream=True, stream_options={"include_usage": True}
        )
    )
    assert chunks[-1].usage and chunks[-1].usage.total_tokens == 29


@pytest.mark.parametrize("model", ["good", "native.good"])
def test_openai_gets_responses(sdk: openai.OpenAI, model: str, upstream: Upstream) -> None:
    said = SAID if model == "good" else TEXT
    whole = sdk.responses.create(model=model, input="hi", instructions="Be brief.")
    assert (whole.output_text, whole.status) == (said, "completed")
    with sdk.responses.stream(model=model, input="hi") as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_response()
    assert final.output_text == said and final.id.startswith("resp_")
    assert kinds[:4] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
    ]
    assert kinds[-4:] == [
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    endpoint = "/chat/completions" if model == "good" else "/responses"
    assert upstream.requests[-1].path.endswith(endpoint)


def test_openai_response_calls_tools_and_takes_their_results(
    sdk: openai.OpenAI, upstream: Upstream
) -> None:
    tools: Any = [{"type": "function", "name": "weather", "parameters": SCHEMA, "strict": True}]
    whole = sdk.responses.create(model="tool-user", input="Where?", tools=tools)
    with sdk.responses.stream(model="tool-user", input="Where?", tools=tools) as stream:
        numbers = [event.sequence_number for event in stream]
        streamed = stream.get_final_response()
    assert numbers == list(range(len(numbers)))
    for response in (whole, streamed):
        items: Any = response.output
        assert [item.type for item in items] == [
            *("reasoning", "message", "function_call", "function_call")
        ]
        assert items[0].content[0].text == "Two cities." and response.output_text == "I look."
        assert [item.call_id for item in items[2:]] == ["call_1", "call_2"]
        assert items[2].arguments == ARGUMENTS
        usage: Any = response.usage
        assert (usage.input_tokens, usage.input_tokens_details.cached_tokens) == (20, 8)
        assert (usage.output_tokens, usage.output_tokens_details.reasoning_tokens) == (9, 4)
    conversation: Any = [{"role": "user", "content": "Where?"}]
    conversation += [item.to_dict() for item in streamed.output]
    conversation += [
        {"type": "function_call_output", "call_id": "call_1", "output": "sunny"},
        {"type": "function_call_output", "call_id": "call_2", "output": "wet"},
    ]
    after = sdk.responses.create(model="tool-user", input=conversation, tools=tools)
    assert after.output_text == "It is sunny and wet."
    sent = last_request(upstream)["messages"]
    assert [message["role"] for message in sent] == ["user", "assistant", "tool", "tool"]
    assert [call["id"] for call in sent[1]["tool_calls"]] == ["call_1", "call_2"]


def test_openai_response_reads_images_and_formats(sdk: openai.OpenAI, upstream: Upstream) -> None:
    url = f"data:image/png;base64,{PIXEL}"
    parts = [{"type": "input_text", "text": "hi"}, {"type": "input_image", "image_url": url}]
    asked: Any = [{"role": "user", "content": parts}]
    text: Any = {"format": {"type": "json_schema", "name": "city", "schema": SCHEMA}}
    sdk.responses.create(
        model="good",
        input=asked,
        text=text,
        max_output_tokens=99,
        reasoning={"effort": "low"},
        metadata={"a": "b"},
        temperature=0.5,
    )
    sent = last_request(upstream)
    assert sent["messages"][0]["content"][1] == {"type": "image_url", "image_url": {"url": url}}
    assert sent["response_format"]["json_schema"] == {"name": "city", "schema": SCHEMA}
    assert (sent["max_tokens"], sent["reasoning_effort"], sent["temperature"]) == (99, "low", 0.5)
    assert "metadata" not in sent and "reasoning" not in sent and "text" not in sent


def test_openai_response_that_breaks_off_says_why(sdk: openai.OpenAI) -> None:
    events = list(sdk.responses.create(model="cut", input="hi", stream=True))
    last: Any = events[-1]
    assert last.type == "response.failed" and "broke off" in last.response.error.message


def test_openai_shows_a_sentence_for_each_refusal(
    server: ServerProcess, sdk: openai.OpenAI
) -> None:
    calls: list[Any] = [
        lambda one, model: one.chat.completions.create(model=model, messages=HI),
        lambda one, model: one.chat.completions.create(model=model, messages=HI, stream=True),
        lambda one, model: one.responses.create(model=model, input="hi"),
        lambda one, model: one.responses.create(model=model, input="hi", stream=True),
        lambda one, model: one.embeddings.create(model=model, input="hi"),
    ]
    wrong = openai.OpenAI(base_url=f"{server.url}/api/v1", api_key="sk-wrong", max_retries=0)
    for call in calls:
        with pytest.raises(openai.AuthenticationError) as unknown:
            call(wrong, "good")
        assert unknown.value.code == "invalid_api_key" and "session has expired" in str(unknown)
        with pytest.raises(openai.NotFoundError) as absent:
            call(sdk, "absent")
        assert absent.value.code == "model_not_found"
    for call in calls[:4]:
        with pytest.raises(openai.BadRequestError, match="max_tokens is too large"):
            call(sdk, "status-400")
        with pytest.raises(openai.RateLimitError, match="over its rate limit") as limited:
            call(sdk, "status-429")
        assert limited.value.response.headers["retry-after"] == "7"


@pytest.mark.parametrize("model", ["good", "native.good"])
def test_anthropic_gets_messages(
    claude: anthropic.Anthropic, model: str, upstream: Upstream
) -> None:
    said = SAID if model == "good" else TEXT
    system: Any = [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}]
    whole: Any = claude.messages.create(model=model, max_tokens=50, messages=HI, system=system)
    assert [block.text for block in whole.content] == [said] and whole.stop_reason == "end_turn"
    with claude.messages.stream(model=model, max_tokens=50, messages=HI) as stream:
        assert "".join(stream.text_stream) == said
        assert stream.get_final_message().stop_reason == "end_turn"
    raw = list(claude.messages.create(model=model, max_tokens=50, messages=HI, stream=True))
    kinds = [event.type for event in raw]
    assert kinds[0] == "message_start" and kinds[-2:] == ["message_delta", "message_stop"]
    endpoint = "/chat/completions" if model == "good" else "/messages"
    received = upstream.requests[-1]
    assert received.path.endswith(endpoint) and received.json["max_tokens"] == 50


def test_anthropic_message_calls_tools_and_takes_their_results(
    claude: anthropic.Anthropic, upstream: Upstream
) -> None:
    asked: Any = {"model": "tool-user", "max_tokens": 50, "tools": [ANTHROPIC_TOOL]}
    asked |= {"thinking": {"type": "enabled", "budget_tokens": 5000}}
    whole = claude.messages.create(messages=HI, **asked)
    with claude.messages.stream(messages=HI, **asked) as stream:
        streamed = stream.get_final_message()
    for message in (whole, streamed):
        blocks: Any = message.content
        assert [block.type for block in blocks] == ["thinking", "text", "tool_use", "tool_use"]
        assert blocks[0].thinking == "Two cities." and blocks[1].text == "I look."
        assert (blocks[2].id, blocks[2].input) == ("call_1", {"city": "Bern"})
        assert blocks[3].input == {"city": "Rome"} and message.stop_reason == "tool_use"
        usage = message.usage
        assert (usage.input_tokens, usage.cache_read_input_tokens, usage.output_tokens) == (
            12,
            8,
            9,
        )
    assert last_request(upstream)["reasoning_effort"] == "medium"
    results: Any = [
        {"type": "tool_result", "tool_use_id": "call_1", "content": "sunny"},
        {
            "type": "tool_result",
            "tool_use_id": "call_2",
            "content": [{"type": "text", "text": "wet"}],
        },
    ]
    conversation: Any = [
        *HI,
        {"role": "assistant", "content": [block.to_dict() for block in streamed.content]},
        {"role": "user", "content": results},
    ]
    after: Any = claude.messages.create(messages=conversation, **asked)
    assert after.content[0].text == "It is sunny and wet."
    sent = last_request(upstream)["messages"]
    assert [message["role"] for message in sent] == ["user", "assistant", "tool", "tool"]
    assert sent[1]["tool_calls"][0]["function"] == {
        "name": "weather",
        "arguments": ARGUMENTS.replace(" ", ""),
    }


def test_anthropic_message_has_no_thoughts_that_were_not_asked_for(
    claude: anthropic.Anthropic,
) -> None:
    message = claude.messages.create(model="tool-user", max_tokens=50, messages=HI)
    assert [block.type for block in message.content] == ["text", "tool_use", "tool_use"]


def test_anthropic_message_reads_images(claude: anthropic.Anthropic, upstream: Upstream) -> None:
    source = {"type": "base64", "media_type": "image/png", "data": PIXEL}
    blocks = [{"type": "image", "source": source}, {"type": "text", "text": "What is it?"}]
    asked: Any = [{"role": "user", "content": blocks}]
    claude.messages.create(
        model="good", max_tokens=5, messages=asked, stop_sequences=["end"], system="Be brief."
    )
    sent = last_request(upstream)
    url = f"data:image/png;base64,{PIXEL}"
    assert sent["messages"] == [
        {"role": "system", "content": "Be brief."},
        {
            "role": "user",
            "content": [
                {"type": "image_url", "image_url": {"url": url}},
                {"type": "text", "text": "What is it?"},
            ],
        },
    ]
    assert sent["stop"] == ["end"]


def test_anthropic_counts_tokens(claude: anthropic.Anthropic, upstream: Upstream) -> None:
    count = claude.messages.count_tokens
    short = count(model="good", messages=HI)
    long = count(model="good", messages=[{"role": "user", "content": "many words " * 100}])
    assert 0 < short.input_tokens < long.input_tokens < 1000 and not upstream.completions()


def test_anthropic_shows_a_sentence_for_each_refusal(
    server: ServerProcess, claude: anthropic.Anthropic, key: str
) -> None:
    def ask(one: anthropic.Anthropic, model: str, **more: Any) -> Any:
        return one.messages.create(model=model, max_tokens=5, messages=HI, **more)

    base = f"{server.url}/api"
    wrong = anthropic.Anthropic(base_url=base, api_key="sk-wrong", max_retries=0)
    for more in ({}, {"stream": True}):
        with pytest.raises(anthropic.AuthenticationError, match="authentication_error"):
            ask(wrong, "good", **more)
        with pytest.raises(anthropic.NotFoundError, match="Model not found"):
            ask(claude, "absent", **more)
        with pytest.raises(anthropic.BadRequestError, match="max_tokens is too large") as refused:
            ask(claude, "status-400", **more)
        body: Any = refused.value.body
        assert body["type"] == "error" and body["error"]["type"] == "invalid_request_error"
        with pytest.raises(anthropic.RateLimitError):
            ask(claude, "status-429", **more)
    with pytest.raises(anthropic.APIStatusError, match="broke off"):
        list(ask(claude, "cut", stream=True))
    bearer = anthropic.Anthropic(base_url=base, auth_token=key, max_retries=0)
    assert ask(bearer, "good").content


def test_npm_package_does_all_that_the_python_package_does(
    server: ServerProcess, key: str, javascript_client: Path
) -> None:
    done = subprocess.run(
        ["node", "scenario.mjs", f"{server.url}/api/v1", key],
        cwd=javascript_client,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert {"good", "native.good"} <= set(result["listed"]) and result["retrieved"] == "native.good"
    assert result["chat"] == result["streamed"] == SAID
    assert result["toolCalls"] == [ARGUMENTS, '{"city": "Rome"}']
    assert result["responses"] == {"good": [SAID] * 3, "native.good": [TEXT] * 3}
    assert result["items"] == ["reasoning", "message", "function_call", "function_call"]
    assert result["embeddings"] == [[1, 0], [3, 0]]
    wrong = result["wrongKey"]
    assert (wrong["status"], wrong["code"]) == (401, "invalid_api_key")
    for refusal in result["unknown"]:
        assert (refusal["status"], refusal["code"]) == (404, "model_not_found")
        assert "Model not found" in refusal["message"]
    assert "broke off" in result["brokeOff"]["message"]
