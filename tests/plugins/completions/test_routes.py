"""The completion route over HTTP."""

import json
from collections.abc import Callable
from typing import Any

import openai
import pytest
from tests.upstream import GOOD, WORDS, Upstream, completion

from portico.boot import Application
from portico.testing import Client, ServerProcess

MESSAGES = [{"role": "user", "content": "hi"}]
PATHS = ["/api/chat/completions", "/api/v1/chat/completions"]


def ask(client: Client, path: Any = PATHS[0], **body: Any) -> Any:
    return client.post(path, {"model": "good", "messages": MESSAGES, **body})


@pytest.mark.parametrize("path", PATHS)
def test_response_is_forwarded_byte_for_byte(user: Client, path: str) -> None:
    whole = ask(user, path)
    assert (whole.status, whole.body) == (200, completion())
    assert whole.headers["content-type"] == "application/json"
    streamed = ask(user, path, stream=True)
    assert streamed.body == b"".join(GOOD)
    assert streamed.headers["content-type"] == "text/event-stream"
    assert streamed.headers["cache-control"] == "no-store, private"


def test_completion_requires_approved_account(
    client: Client, admin: Client, upstream: Upstream
) -> None:
    assert ask(client).status == 401
    assert ask(admin.add_user("Pia", "pending")).status == 403
    assert upstream.completions() == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"messages": MESSAGES}, "model"),
        ({"model": ["good"], "messages": MESSAGES}, "model"),
        ({"model": "good"}, "messages"),
        ({"model": "good", "messages": "hi"}, "messages"),
    ],
)
def test_invalid_body_is_422_with_field_name(user: Client, body: Any, field: str) -> None:
    answer = user.post(PATHS[0], body)
    assert answer.status == 422
    assert answer.detail[0]["loc"] == ["body", field] and "input" not in answer.detail[0]


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'{"model":"good","messages":[],"x":"\xff"}']
)
def test_non_object_body_is_422(user: Client, body: bytes) -> None:
    assert user.post(PATHS[0], body=body).status == 422


def test_unknown_model_is_404(user: Client) -> None:
    answer = ask(user, model="nowhere")
    assert (answer.status, answer.detail) == (404, "Model not found")
    direct = ask(user, model_item={"direct": True})
    assert (direct.status, direct.detail) == (404, "Model not found")


def test_preset_uses_its_prompt_and_parameters(admin: Client, upstream: Upstream) -> None:
    form = {
        "id": "desk",
        "base_model_id": "good",
        "name": "Desk",
        "meta": {},
        "params": {
            "system": "Be brief, {{USER_NAME}}. {{MOOD}}",
            "temperature": 0.2,
            "custom_params": {"top_k": "5"},
        },
        "access_control": None,
        "is_active": True,
    }
    assert admin.post("/api/v1/models/create", form).status == 200
    answer = ask(
        admin,
        model="desk",
        messages=[{"role": "system", "content": "It is {{MOOD}}."}, *MESSAGES],
        params={"temperature": 2, "seed": 4},
        temperature=1,
        variables={"{{MOOD}}": "sunny"},
    )
    assert answer.status == 200
    [request] = upstream.completions()
    assert request.json == {
        "model": "good",
        "stream": False,
        "messages": [
            {"role": "system", "content": "Be brief, Ada. sunny\nIt is sunny."},
            {"role": "user", "content": "hi"},
        ],
        "temperature": 0.2,
        "seed": 4,
        "top_k": 5,
    }


@pytest.mark.parametrize("where", ["the model's prompt", "the chat's"])
def test_prompt_contains_user_location(admin: Client, upstream: Upstream, where: str) -> None:
    assert admin.post("/api/v1/users/user/info/update", {"location": "Rome"}).status == 200
    prompt = "It is {{USER_LOCATION}}, {{ USER_AGE }}."
    if where == "the chat's":
        messages = [{"role": "system", "content": prompt}, *MESSAGES]
        assert ask(admin, model="good", messages=messages).status == 200
    else:
        form = {"id": "desk", "base_model_id": "good", "name": "Desk", "meta": {}}
        form |= {"params": {"system": prompt}}
        assert admin.post("/api/v1/models/create", form).status == 200
        assert ask(admin, model="desk").status == 200
    (asked,) = upstream.completions()
    assert asked.json["messages"][0] == {"role": "system", "content": "It is Rome, None."}


def test_model_record_turns_streaming_off(admin: Client, upstream: Upstream) -> None:
    form = {
        "id": "desk",
        "base_model_id": "good",
        "name": "Desk",
        "meta": {},
        "params": {"stream_response": False},
    }
    assert admin.post("/api/v1/models/create", form).status == 200
    answer = ask(admin, model="desk", stream=True)
    assert answer.body == completion()
    assert upstream.completions()[0].json["stream"] is False


def test_forbidden_options_are_dropped_or_refused(
    env: dict[str, str], upstream: Upstream, complete_schema: Callable[[Application], None]
) -> None:
    from portico.testing import InProcessApp

    env |= {
        "USER_PERMISSIONS_CHAT_PARAMS": "false",
        "USER_PERMISSIONS_CHAT_SYSTEM_PROMPT": "false",
        "USER_PERMISSIONS_CHAT_TEMPORARY": "false",
    }
    app = InProcessApp(env, complete_schema)
    try:
        admin = app.client.sign_up("Ada")
        for client, kept in ((admin.add_user("Ben"), False), (admin, True)):
            body = {
                "messages": [{"role": "system", "content": "s"}, *MESSAGES],
                "params": {"temperature": 1},
            }
            assert ask(client, **body).status == 200
            sent = upstream.completions()[-1].json
            assert ("temperature" in sent) is kept
            assert len(sent["messages"]) == (2 if kept else 1)
            assert ask(client, chat_id="local:x").status == (200 if kept else 403)
    finally:
        app.close()


def test_openai_library_lists_completes_and_streams(server: ServerProcess) -> None:
    token = str(server.client.sign_up("Ada").token)
    with openai.OpenAI(base_url=f"{server.url}/api/v1", api_key=token, max_retries=0) as client:
        create: Any = client.chat.completions.create
        assert "good" in [model.id for model in client.models.list()]
        whole = create(model="good", messages=MESSAGES)
        assert whole.choices[0].message.content == "".join(WORDS)
        stream = create(model="good", messages=MESSAGES, stream=True)
        assert "".join(part.choices[0].delta.content or "" for part in stream) == "".join(WORDS)
        with pytest.raises(openai.NotFoundError):
            create(model="nowhere", messages=MESSAGES)
        with pytest.raises(openai.APIError, match="broke off"):
            list(create(model="cut", messages=MESSAGES, stream=True))


def test_openapi_documents_both_paths(client: Client) -> None:
    paths = client.get("/openapi.json").json["paths"]
    assert set(PATHS) <= set(paths)


@pytest.mark.parametrize(
    ("model", "error"),
    [
        ("good", None),
        ("cut", "broke off"),
        ("status-500", "with an error"),
        ("error-inside", "failed while"),
    ],
)
@pytest.mark.case("FT-20")
def test_result_of_completion_is_recorded_with_message(
    user: Client, model: str, error: str | None
) -> None:
    chat = user.post("/api/v1/chats/new", {"chat": {"title": "t"}}).json["id"]
    ask(user, model=model, stream=True, chat_id=chat, id="answer", parent_id="question")
    while user.get("/api/tasks").json["tasks"]:
        pass  # the text is stored after its last block was sent
    message = user.get(f"/api/v1/chats/{chat}").json["chat"]["history"]["messages"]["answer"]
    assert (message["model"], message["parentId"]) == (model, "question")
    if error is None:
        assert "error" not in message
    else:
        assert error in message["error"]["content"]


def question_in(user: Client) -> tuple[str, bytes]:
    """Return a chat of one question, and its response body."""
    question = {"id": "q", "parentId": None, "childrenIds": [], "role": "user", "content": "hi"}
    form = {"chat": {"history": {"messages": {"q": question}, "currentId": "q"}}}
    chat = user.post("/api/v1/chats/new", form).json["id"]
    return chat, user.get(f"/api/v1/chats/{chat}").body


@pytest.mark.parametrize("model", ["nowhere", "status-400", "status-404"])
def test_refused_completion_creates_no_message(user: Client, model: str) -> None:
    chat, before = question_in(user)

    answer = ask(user, model=model, chat_id=chat, id="answer", parent_id="q")

    assert answer.status in (400, 404)
    assert user.get(f"/api/v1/chats/{chat}").body == before


@pytest.mark.parametrize("model", ["good", "status-500"])
@pytest.mark.parametrize("named", [{}, {"parent_id": "q"}])
def test_completion_with_new_id_creates_whole_message(
    user: Client, model: str, named: dict[str, str]
) -> None:
    chat, _ = question_in(user)

    ask(user, model=model, chat_id=chat, id="answer", **named)

    history = user.get(f"/api/v1/chats/{chat}").json["chat"]["history"]
    made = history["messages"]["answer"]
    places = (made["id"], made["parentId"], made["childrenIds"], made["role"], made["content"])
    assert places == ("answer", "q", [], "assistant", "")
    assert (history["messages"]["q"]["childrenIds"], history["currentId"]) == (["answer"], "answer")


def test_broken_stream_does_not_restore_deleted_message(
    user: Client,
) -> None:
    chat, before = question_in(user)
    path = f"/api/v1/chats/{chat}"
    ask(user, chat_id=chat, id="answer", parent_id="q")
    assert len(user.get(path).json["chat"]["history"]["messages"]) == 2
    user.post(path, {"chat": json.loads(before)["chat"]})
    assert user.get(path).json["chat"] == json.loads(before)["chat"]

    ask(user, model="cut", stream=True, chat_id=chat, id="answer", parent_id="q")

    assert user.get(path).json["chat"] == json.loads(before)["chat"]
