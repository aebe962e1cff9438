"""Every endpoint that calls a model follows one rule. The list of endpoints is made from the route table."""

from collections.abc import Iterator
from typing import Any

import pytest
from tests.api_keys import ON
from tests.ollama_server import OllamaServer
from tests.one_database import database_url  # noqa: F401 - a fixture
from tests.repository.fixtures import PROVIDER, Scene, ask
from tests.repository.test_route_access import routes
from tests.upstream import Upstream

from portico.testing import InProcessApp, Response

pytestmark = pytest.mark.timeout(120)
#: What must have no effect, in the query, in headers and in the body.
SWITCHES = {
    "bypass_filter": True,
    "bypass_system_prompt": True,
    "metadata": {"bypass_filter": "true", "user_id": "admin"},
    "__metadata__": {"direct": True},
    "__bypass__": True,
    "model_item": {"direct": True, "id": "secret-desk"},
}
QUERY = "?bypass_filter=true&bypass_system_prompt=true&direct=true&user_role=admin"
HEADERS = {"x-openwebui-user-role": "admin", "x-bypass-filter": "true"}
#: What would choose the provider, were it heeded.
CHOSEN = {
    "api_base": "http://evil.example",
    "base_url": "http://evil.example",
    "api_key": "sk-evil",
    "headers": {"authorization": "Bearer evil"},
    "extra_headers": {"authorization": "Bearer evil"},
    "organization": "evil",
}


@pytest.fixture
def ollama() -> Iterator[OllamaServer]:
    with OllamaServer() as server:
        yield server


@pytest.fixture
def scene(
    env: dict[str, str], upstream: Upstream, ollama: OllamaServer, complete_schema: Any
) -> Iterator[Scene]:
    given = env | upstream.environment | ollama.environment | ON | PROVIDER
    app = InProcessApp(given, complete_schema)
    yield Scene(app)
    app.close()


def calls_of_models(scene: Scene) -> Iterator[tuple[str, Any]]:
    """Path and body of a request to each endpoint that takes the id of a model, and sends it something."""
    for method, path in routes(scene.app):
        if method != "POST" or path.startswith(("/ollama/config", "/openai/config")):
            continue
        target, body = ask(scene, method, path)
        if not isinstance(body, dict) or "model" not in body or "config" in path:
            continue
        # Models of the client itself are none of the server's, and the end of a turn calls no model.
        switches = SWITCHES | ({"model_item": None} if "chat_id" in body else {})
        yield target, body | switches


def assert_denied(answers: dict[str, Response], what: str) -> None:
    """Check that the answers are refusals that say the same, whichever model was named."""
    said = {(one.status, one.body.replace(model.encode(), b"*")) for model, one in answers.items()}
    assert len(said) == 1 and next(iter(said))[0] in (400, 403, 404), f"{what}: {said}"


@pytest.mark.case("AB-36", "AB-37", "AB-38", "AB-40")
def test_private_model_is_like_an_absent_one_at_every_endpoint(
    scene: Scene, upstream: Upstream
) -> None:
    other = scene.callers["other"]
    secret = scene.model_form(id="secret-desk", access_control={})
    chained = scene.model_form(id="chained-too", base_model_id="task")
    twice = scene.model_form(id="chained-two", base_model_id="chained-too")
    for form in (chained, twice):
        form["access_control"] = None
    assert scene.admin.post("/api/v1/models/create", secret).status == 200
    author = scene.callers["user"]
    for form in (chained, twice):
        made = author.post("/api/v1/models/create", form | {"access_control": {}})
        assert made.status == 200, made
    closed = {"id": "task", "name": "T", "meta": {}, "params": {}, "access_control": {}}
    assert scene.admin.post("/api/v1/models/create", closed).status == 200
    found = list(calls_of_models(scene))
    paths = {path for path, _ in found}
    assert {"/api/v1/messages", "/api/v1/responses", "/api/embeddings"} <= paths
    assert len(paths) > 15
    before = len(upstream.requests)
    for path, body in found:
        for caller, model in (
            (other, "secret-desk"),
            (author, "chained-too"),
            (author, "chained-two"),
        ):
            answers = {
                one: caller.post(path + QUERY, body | {"model": one}, headers=HEADERS)
                for one in (model, "absent-desk")
            }
            assert_denied(answers, f"{path} {model}")
    asked = [one for one in upstream.requests[before:] if not one.path.endswith("/models")]
    assert asked == []


@pytest.mark.case("AB-37", "AB-43")
@pytest.mark.parametrize(
    "path", ["/api/v1/messages", "/api/v1/responses", "/api/v1/chat/completions", "/api/embeddings"]
)
def test_preset_and_connection_apply_whatever_the_body_says(
    scene: Scene, upstream: Upstream, path: str
) -> None:
    params = {"system": "Be brief.", "temperature": 0.3, "max_tokens": 7}
    form = scene.model_form(id="desk", params=params, access_control=None)
    assert scene.admin.post("/api/v1/models/create", form).status == 200
    body = ask(scene, "POST", path)[1] | {"model": "desk", "temperature": 1, **CHOSEN, **SWITCHES}
    answer = scene.callers["other"].post(path + QUERY, body | {"model_item": None}, headers=HEADERS)
    assert answer.status == 200, answer
    received = upstream.requests[-1]
    assert received.headers["authorization"] == f"Bearer {upstream.key}"
    assert received.json["model"] == "good"
    assert "evil" not in received.body.decode() and "bypass" not in received.body.decode()
    if path != "/api/embeddings":
        assert received.json["messages"][0] == {"role": "system", "content": "Be brief."}
        assert (received.json["temperature"], received.json["max_tokens"]) == (0.3, 7)


@pytest.mark.parametrize("path", ["/api/v1/messages", "/api/v1/responses"])
def test_user_without_the_permission_sets_no_system_prompt(
    scene: Scene, upstream: Upstream, path: str
) -> None:
    defaults = scene.defaults()
    defaults["chat"]["system_prompt"] = False
    assert scene.admin.post("/api/v1/users/default/permissions", defaults).status == 200
    turns = [{"role": role, "content": f"as {role}"} for role in ("system", "user")]
    body: dict[str, Any] = {"model": "good", "instructions": "mine", "input": turns}
    if path.endswith("messages"):
        body = {"model": "good", "system": "mine", "messages": turns, "max_tokens": 9}
    assert scene.callers["other"].post(path, body).status == 200
    assert upstream.requests[-1].json["messages"] == [{"role": "user", "content": "as user"}]
    assert scene.admin.post(path, body).status == 200
    roles = [message["role"] for message in upstream.requests[-1].json["messages"]]
    assert roles == ["system", "system", "user"]


CHATS = {
    "/api/chat/completions": "messages",
    "/api/v1/chat/completions": "messages",
    "/openai/chat/completions": "messages",
    "/api/v1/messages": "messages",
    "/api/v1/responses": "input",
    "/ollama/api/chat": "messages",
    "/ollama/v1/chat/completions": "messages",
}


@pytest.mark.parametrize(
    "role", [rb"\u0073ystem", b"developer", rb"devel\u006fper", b"System", b" SYSTEM "]
)
def test_system_prompt_needs_its_permission_however_the_role_is_written(
    scene: Scene, upstream: Upstream, ollama: OllamaServer, role: bytes
) -> None:
    defaults = scene.defaults()
    defaults["chat"]["system_prompt"] = False
    assert scene.admin.post("/api/v1/users/default/permissions", defaults).status == 200
    turns = b'[{"role":"%b","content":"forbidden"},{"role":"user","content":"hi"}]' % role
    for path, key in CHATS.items():
        model = b"llama3:latest" if path.startswith("/ollama") else b"good"
        body = b'{"model":"%b","stream":false,"max_tokens":9,"%b":%b}' % (
            model, key.encode(), turns,
        )  # fmt: skip
        answer = scene.callers["other"].post(path, body=body)
        assert answer.status in (200, 400, 422), (path, answer)
    sent = [one.body for one in (*upstream.requests, *ollama.requests) if b'"hi"' in one.body]
    assert len(sent) >= 5
    assert not any(b"forbidden" in one for one in sent), sent


TEMPLATES: dict[str, Any] = {
    "template": "{{ .Prompt }} forbidden",
    "chat_template": "forbidden",
    "raw": True,
    "context": [666, 666],
}


@pytest.mark.parametrize("is_permitted", [True, False])
def test_template_of_a_client_replaces_no_system_prompt(
    scene: Scene, upstream: Upstream, ollama: OllamaServer, is_permitted: bool
) -> None:
    """Of a preset that has one; and of any model, if the caller may not set one."""
    defaults = scene.defaults()
    defaults["chat"]["system_prompt"] = is_permitted
    assert scene.admin.post("/api/v1/users/default/permissions", defaults).status == 200
    prompt = {"system": "Be brief."} if is_permitted else {}
    for name, base in (("desk", "good"), ("llama-desk", "llama3:latest")):
        form = scene.model_form(id=name, base_model_id=base, params=prompt, access_control=None)
        assert scene.admin.post("/api/v1/models/create", form).status == 200
    params = {"params": {**TEMPLATES, "custom_params": TEMPLATES}}
    for path, key in {**CHATS, "/ollama/api/generate": "prompt"}.items():
        body = {key: "hi" if key == "prompt" else HI, "max_tokens": 9, "stream": False, **TEMPLATES}
        body |= params if path.startswith("/api/") and path.endswith("completions") else {}
        for model in ("llama-desk",) if path.startswith("/ollama") else ("desk", "llama-desk"):
            if model == "llama-desk" and path.startswith("/openai"):
                continue
            seen = len(upstream.requests), len(ollama.requests)
            answer = scene.callers["other"].post(path, body | {"model": model})
            assert answer.status == 200, (path, answer)
            [sent] = [
                one.body.decode()
                for one in (*upstream.requests[seen[0] :], *ollama.requests[seen[1] :])
                if one.method == "POST"
            ]
            assert "forbidden" not in sent and "666" not in sent and '"raw":true' not in sent
            assert ("Be brief." in sent) == is_permitted
    raw = {"model": "llama3:latest", "prompt": "hi", "raw": True, "stream": False}
    assert scene.admin.post("/ollama/api/generate", raw).status == 200
    assert ollama.requests[-1].json["raw"] is True


@pytest.mark.parametrize("number", [b"1e400", b"-1e999"])
@pytest.mark.parametrize("shape", [b"%b", b'{"x":%b}', b"[%b]"])
def test_number_that_is_too_large_is_no_failure_of_the_server(
    scene: Scene, number: bytes, shape: bytes
) -> None:
    form = {"subject": "everyone", "unit": "tokens", "period": "month", "limit": 1e9}
    assert scene.admin.post("/api/v1/budgets", form).status == 200
    keys = {
        "max_tokens", "n", "stop", "stream_options", "logit_bias", "response_format", "reasoning", "reasoning_effort",
        "options", "tool_choice", "tools", "thinking", "params", "format", "keep_alive", "temperature", "metadata",
    }  # fmt: skip
    for path, name in CHATS.items():
        model = b"llama3:latest" if path.startswith("/ollama") else b"good"
        for key in keys:
            given = {"max_tokens": b"9", key: shape % number, "stream": b"true"}
            rest = b",".join(b'"%b":%b' % (one.encode(), value) for one, value in given.items())
            head = b'{"model":"%b","%b":[{"role":"user","content":"hi"}],' % (model, name.encode())
            answer = scene.callers["other"].post(path, body=head + rest + b"}")
            # The servers of these tests fail at tools of a wrong shape.
            assert answer.status < 500 or key == "tools", (path, key, answer)


HI = [{"role": "user", "content": "hi"}]
WRONG: dict[str, list[tuple[Any, int]]] = {
    "/api/v1/messages": [
        ({"messages": "hi"}, 422),
        ({"messages": [1]}, 422),
        ({"messages": [{"role": "boss", "content": "hi"}]}, 422),
        ({"messages": [{"role": "user"}]}, 422),
        ({"messages": [{"role": "user", "content": [{"text": "hi"}]}]}, 422),
        ({"messages": [{"role": "user", "content": [{"type": "hologram"}]}]}, 400),
        ({"messages": [{"role": "user", "content": [{"type": "image", "source": 1}]}]}, 422),
        ({"messages": [{"role": "user", "content": [{"type": "image", "source": "x"}]}]}, 400),
        ({"max_tokens": "many"}, 422),
        ({"system": 1}, 422),
        ({"system": [{"type": "image"}]}, 422),
        ({"tools": {"name": "x"}}, 422),
        ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, 400),
        ({"tool_choice": {"type": "some"}}, 422),
        ({"mcp_servers": [{"url": "http://evil.example"}]}, 400),
        ({"container": "c_1"}, 400),
        ({"stream": "perhaps"}, 422),
        ({"thinking": True}, 422),
    ],
    "/api/v1/responses": [
        ({"input": None}, 422),
        ({"input": 1}, 422),
        ({"input": [1]}, 422),
        ({"input": [{"type": "hologram"}]}, 400),
        ({"input": [{"role": "boss", "content": "hi"}]}, 400),
        ({"input": [{"type": "item_reference", "id": "msg_1"}]}, 400),
        ({"input": [{"role": "user", "content": [{"type": "input_image", "file_id": "f"}]}]}, 400),
        ({"instructions": ["a"]}, 422),
        ({"previous_response_id": "resp_1"}, 400),
        ({"conversation": {"id": "conv_1"}}, 400),
        ({"store": True}, 400),
        ({"background": True}, 400),
        ({"tools": [{"type": "web_search"}]}, 400),
        ({"tools": ["x"]}, 422),
        ({"tool_choice": {"type": "mcp"}}, 400),
        ({"text": {"format": 1}}, 422),
        ({"max_output_tokens": []}, 422),
    ],
}
WHOLE: dict[str, Any] = {
    "/api/v1/messages": {"model": "good", "max_tokens": 9, "messages": HI},
    "/api/v1/responses": {"model": "good", "input": "hi"},
}


@pytest.mark.parametrize("path", WRONG)
def test_wrong_shape_is_refused_with_a_sentence(
    scene: Scene, upstream: Upstream, path: str
) -> None:
    for change, status in WRONG[path]:
        answer = scene.admin.post(path, WHOLE[path] | change)
        assert answer.status == status, (change, answer)
        assert answer.json["error"]["message"] and "evil" not in answer.body.decode()
    for key in WHOLE[path]:
        body = {name: value for name, value in WHOLE[path].items() if name != key}
        assert scene.admin.post(path, body).status == 422
    assert upstream.completions() == []


def _deep(levels: int) -> bytes:
    return b'{"a":' * levels + b"1" + b"}" * levels


@pytest.mark.parametrize("path", WHOLE)
@pytest.mark.parametrize("key", [b"metadata", b"tools", b"x", b"messages", b"input", b"system"])
def test_deep_json_is_422(scene: Scene, path: str, key: bytes) -> None:
    answer = scene.admin.post(path, body=b'{"model":"good","' + key + b'":' + _deep(5000) + b"}")
    assert answer.status == 422 and answer.json["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize("path", WHOLE)
def test_many_tools_and_half_surrogates_pass(scene: Scene, upstream: Upstream, path: str) -> None:
    schema = {"type": "object", "properties": {f"p{n}": {"type": "string"} for n in range(20)}}
    if path.endswith("messages"):
        tools = [{"name": f"t{n}", "input_schema": schema} for n in range(500)]
    else:
        tools = [{"type": "function", "name": f"t{n}", "parameters": schema} for n in range(500)]
    assert scene.admin.post(path, WHOLE[path] | {"tools": tools}).status == 200
    assert len(upstream.requests[-1].json["tools"]) == 500
    for text in (rb"\ud83d", rb"a\udc00b", rb"\u0000"):
        key = b'"messages":[{"role":"user","content":"' + text + b'"}],"max_tokens":9'
        key += b',"input":"' + text + b'"'
        assert scene.admin.post(path, body=b'{"model":"good",' + key + b"}").status == 200
        sent = upstream.requests[-1].json["messages"][0]["content"]
        sent.encode()  # there is no half of a character
