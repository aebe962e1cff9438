"""What a model generates for clients."""

import json
import socket
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.upstream import Upstream, chunk

from portico.testing import Client, ServerProcess
from portico_generation.default_prompts import DEFAULT_PROMPTS

MESSAGES = [
    {"role": "user", "content": "Where do trains go?"},
    {"role": "assistant", "content": "<details>hm</details>To stations. ![map](x)"},
]
ABOUT = {"model": "good", "messages": MESSAGES}
PROMPT = {"model": "good", "prompt": "The sun was setting"}


def generate(client: Client, what: str, body: Any = ABOUT) -> Any:
    return client.post(f"/api/v1/tasks/{what}/completions", body)


def configure(admin: Client, **values: Any) -> None:
    form = admin.get("/api/v1/tasks/config").json | values
    assert admin.post("/api/v1/tasks/config/update", form).status == 200


def sent(upstream: Upstream) -> Any:
    """The body of the last request to the provider."""
    return upstream.completions()[-1].json


def asked(upstream: Upstream) -> str:
    (message,) = sent(upstream)["messages"]
    assert message["role"] == "user"
    return str(message["content"])


@pytest.mark.parametrize("what", ["title", "follow_up", "tags", "queries", "image_prompt"])
def test_answer_about_a_conversation_is_the_completion(
    user: Client, upstream: Upstream, what: str
) -> None:
    upstream.answers["good"] = '{"title": "Trains"}'
    answer = generate(user, what)
    assert answer.status == 200
    assert answer.json["choices"][0]["message"]["content"] == '{"title": "Trains"}'
    assert answer.json["object"] == "chat.completion"
    prompt = asked(upstream)
    assert "USER: Where do trains go?\nASSISTANT: To stations." in prompt
    assert "{{" not in prompt
    assert sent(upstream)["stream"] is False


def test_title_is_short(user: Client, upstream: Upstream) -> None:
    generate(user, "title")
    assert sent(upstream)["max_tokens"] == 1000


def test_context_of_a_title_is_the_last_two_messages(user: Client, upstream: Upstream) -> None:
    generate(user, "title", ABOUT | {"messages": [{"role": "user", "content": "old"}, *MESSAGES]})
    assert "USER: old" not in asked(upstream)
    generate(user, "tags", ABOUT | {"messages": [{"role": "user", "content": "old"}, *MESSAGES]})
    assert "USER: old" in asked(upstream)


def test_emoji_has_four_tokens(user: Client, upstream: Upstream) -> None:
    assert generate(user, "emoji", PROMPT).status == 200
    assert "The sun was setting" in asked(upstream)
    assert sent(upstream)["max_tokens"] == 4


def test_text_is_continued(admin: Client, user: Client, upstream: Upstream) -> None:
    refused = generate(user, "auto", PROMPT)
    assert (refused.status, refused.json["detail"]) == (
        400,
        "Autocompletion generation is disabled",
    )
    configure(admin, ENABLE_AUTOCOMPLETE_GENERATION=True)
    form = PROMPT | {"type": "Search Query", "messages": MESSAGES}
    assert generate(user, "auto", form).status == 200
    prompt = asked(upstream)
    assert "<type>Search Query</type>\n<text>The sun was setting</text>" in prompt
    assert "USER: Where do trains go?" in prompt

    configure(admin, AUTOCOMPLETE_GENERATION_INPUT_MAX_LENGTH=18)
    refused = generate(user, "auto", PROMPT)
    assert refused.status == 400
    assert refused.json["detail"] == "Input prompt exceeds maximum length of 18"
    configure(admin, AUTOCOMPLETE_GENERATION_INPUT_MAX_LENGTH=19)
    assert generate(user, "auto", PROMPT).status == 200


@pytest.mark.parametrize(
    ("what", "switch", "detail"),
    [
        ("title", "TITLE", "Title generation is disabled"),
        ("follow_up", "FOLLOW_UP", "Follow-up generation is disabled"),
        ("tags", "TAGS", "Tags generation is disabled"),
    ],
)
def test_disabled_generation_is_answered_with_200(
    admin: Client, user: Client, upstream: Upstream, what: str, switch: str, detail: str
) -> None:
    configure(admin, **{f"ENABLE_{switch}_GENERATION": False})
    answer = generate(user, what)
    assert (answer.status, answer.json) == (200, {"detail": detail})
    assert upstream.completions() == []


@pytest.mark.parametrize(
    ("kind", "switch", "detail"),
    [
        ("web_search", "SEARCH_QUERY", "Search query generation is disabled"),
        ("retrieval", "RETRIEVAL_QUERY", "Query generation is disabled"),
    ],
)
def test_disabled_queries_are_refused(
    admin: Client, user: Client, kind: str, switch: str, detail: str
) -> None:
    assert generate(user, "queries", ABOUT | {"type": kind}).status == 200
    configure(admin, **{f"ENABLE_{switch}_GENERATION": False})
    answer = generate(user, "queries", ABOUT | {"type": kind})
    assert (answer.status, answer.json["detail"]) == (400, detail)


def test_answers_are_merged_by_the_given_model(
    admin: Client, user: Client, upstream: Upstream
) -> None:
    configure(admin, TASK_MODEL_EXTERNAL="task")
    form = {"model": "good", "prompt": "Why {{responses}}?", "responses": ["A", "B"]}
    assert generate(user, "moa", form).status == 200
    prompt = asked(upstream)
    assert "<question>\nWhy {{responses}}?\n</question>" in prompt
    assert '"""A"""\n\n"""B"""' in prompt
    assert sent(upstream)["model"] == "good"


def test_merged_answer_may_be_streamed(user: Client, upstream: Upstream) -> None:
    upstream.answers["writer"] = "Both."
    form = {"model": "writer", "prompt": "Why?", "responses": ["A", "B"], "stream": True}
    answer = generate(user, "moa", form)
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.body.startswith(chunk("Both."))
    assert answer.body.rstrip().endswith(b"[DONE]")


def test_task_model_is_asked_in_place_of_the_users(
    admin: Client, user: Client, upstream: Upstream
) -> None:
    configure(admin, TASK_MODEL="writer", TASK_MODEL_EXTERNAL="task")
    generate(user, "title")
    assert sent(upstream)["model"] == "task"
    configure(admin, TASK_MODEL_EXTERNAL="unknown")
    generate(user, "title")
    assert sent(upstream)["model"] == "good"


@pytest.fixture
def local(env: dict[str, str]) -> None:
    options = json.loads(env["OPENAI_API_CONFIGS"])
    options["0"]["connection_type"] = "local"
    env["OPENAI_API_CONFIGS"] = json.dumps(options)


@pytest.mark.usefixtures("local")
def test_local_models_have_a_task_model_of_their_own(
    admin: Client, user: Client, upstream: Upstream
) -> None:
    configure(admin, TASK_MODEL="writer", TASK_MODEL_EXTERNAL="task")
    generate(user, "title")
    assert sent(upstream)["model"] == "writer"


def test_users_may_be_served_by_a_task_model_that_is_not_shared_with_them(
    admin: Client, user: Client, upstream: Upstream
) -> None:
    private = {"id": "task", "name": "T", "meta": {}, "params": {}, "access_control": {}}
    assert admin.post("/api/v1/models/create", private).status == 200
    configure(admin, TASK_MODEL_EXTERNAL="task")
    assert generate(user, "title", ABOUT | {"model": "task"}).status == 404
    assert generate(user, "title").status == 200
    assert sent(upstream)["model"] == "task"


def test_task_model_needs_no_access_but_the_model_does(admin: Client, user: Client) -> None:
    private = {"id": "good", "name": "T", "meta": {}, "params": {}, "access_control": {}}
    assert admin.post("/api/v1/models/create", private).status == 200
    configure(admin, TASK_MODEL_EXTERNAL="task")
    answer = generate(user, "title")
    assert (answer.status, answer.json["detail"]) == (404, "Model not found")


def test_preset_brings_its_parameters_and_its_prompt(admin: Client, upstream: Upstream) -> None:
    preset = {
        "id": "pirate",
        "name": "Pirate",
        "base_model_id": "good",
        "meta": {},
        "params": {
            "temperature": 0.5,
            "system": "Talk like {{USER_NAME}}.",
            "stream_response": True,
        },
    }
    assert admin.post("/api/v1/models/create", preset).status == 200
    assert generate(admin, "title", ABOUT | {"model": "pirate"}).status == 200
    body = sent(upstream)
    assert (body["model"], body["temperature"], body["stream"]) == ("good", 0.5, False)
    name = admin.account["name"]
    assert body["messages"][0] == {"role": "system", "content": f"Talk like {name}."}


def test_prompt_of_the_administrator_replaces_the_default(
    admin: Client, user: Client, upstream: Upstream
) -> None:
    template = "{{USER_NAME}} {{prompt:start:5}} {{CURRENT_DATE}} {{UNKNOWN}} {{MESSAGES:START:1}}"
    configure(admin, TITLE_GENERATION_PROMPT_TEMPLATE=template)
    generate(user, "title")
    name, rest = asked(upstream).split(" ", 1)
    assert name == user.account["name"]
    assert rest.startswith("Where ")
    assert rest.endswith(" {{UNKNOWN}} USER: Where do trains go?")


def test_values_are_not_read_as_templates(user: Client, upstream: Upstream) -> None:
    generate(user, "title", ABOUT | {"messages": [{"role": "user", "content": "{{USER_EMAIL}}"}]})
    assert "USER: {{USER_EMAIL}}" in asked(upstream)


@pytest.mark.parametrize("what", ["title", "follow_up", "tags", "queries", "image_prompt"])
def test_unknown_model_is_404(user: Client, what: str) -> None:
    answer = generate(user, what, ABOUT | {"model": "nope"})
    assert (answer.status, answer.json["detail"]) == (404, "Model not found")


@pytest.mark.parametrize("missing", ["model", "messages"])
def test_missing_field_is_422(user: Client, missing: str) -> None:
    body = {key: value for key, value in ABOUT.items() if key != missing}
    assert generate(user, "title", body).status == 422


@pytest.mark.parametrize("messages", [[], [{}], [{"role": 7, "content": None}], [{"content": [1]}]])
def test_messages_of_other_shapes_are_not_an_error(user: Client, messages: Any) -> None:
    assert generate(user, "title", ABOUT | {"messages": messages}).status == 200


@pytest.mark.parametrize("messages", ["x", [1], [None], None])
def test_messages_that_are_no_objects_are_422(user: Client, messages: Any) -> None:
    assert generate(user, "title", ABOUT | {"messages": messages}).status == 422


@pytest.mark.parametrize(
    ("model", "status"), [("status-500", 502), ("status-429", 429), ("html", 502)]
)
def test_failure_of_the_source_keeps_its_status(user: Client, model: str, status: int) -> None:
    answer = generate(user, "title", ABOUT | {"model": model})
    assert answer.status == status
    assert b"sk-" not in answer.body


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_call_ends_when_the_client_disconnects(server: ServerProcess, upstream: Upstream) -> None:
    ann = server.client.sign_up("Ann")
    where = urlsplit(server.url)
    form = {"model": "silent", "prompt": "Why?", "responses": ["A"], "stream": True}
    for what, body in (("title", ABOUT | {"model": "silent"}), ("moa", form)):
        text = json.dumps(body)
        with socket.create_connection((where.hostname, where.port)) as connection:
            connection.sendall(
                f"POST /api/v1/tasks/{what}/completions HTTP/1.1\r\nhost: x\r\n"
                f"authorization: Bearer {ann.token}\r\ncontent-length: {len(text)}\r\n\r\n{text}".encode()
            )
            upstream.wait_until_busy()
        upstream.wait_until_idle()


def test_every_default_prompt_asks_for_the_keys_that_are_read() -> None:
    keys = {"title": "title", "follow_up": "follow_ups", "tags": "tags", "query": "queries"}
    for name, key in keys.items():
        assert f'"{key}":' in DEFAULT_PROMPTS[f"{name}_prompt"]
