"""Routes below `/ollama`: models, calls, access, and the number of a connection."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.ollama_server import FIGURES, OllamaServer, entry
from tests.one_database import database_url  # noqa: F401 - a fixture

from portico.testing import Client, InProcessApp, Response

HI = [{"role": "user", "content": "hi"}]
CALLS: list[tuple[str, dict[str, Any]]] = [
    ("/ollama/api/chat", {"messages": HI}),
    ("/ollama/api/generate", {"prompt": "hi"}),
    ("/ollama/api/embed", {"input": "hi"}),
    ("/ollama/api/embeddings", {"prompt": "hi"}),
    ("/ollama/api/show", {}),
    ("/ollama/v1/chat/completions", {"messages": HI}),
    ("/ollama/v1/completions", {"prompt": "hi"}),
]


def lines(response: Response) -> list[Any]:
    """The lines of a stream."""
    assert response.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in response.body.splitlines()]


def two_servers(first: OllamaServer, second: OllamaServer, **options: Any) -> dict[str, str]:
    """Settings with two servers; `options`: of the second."""
    configs = {"0": {"access": "public"}, "1": {"access": "public", **options}}
    return {
        "OLLAMA_BASE_URLS": f"{first.url};{second.url}",
        "OLLAMA_API_CONFIGS": json.dumps(configs),
    }


def test_tags_are_the_models_that_the_caller_may_use(
    opened: Callable[..., InProcessApp], ollama: OllamaServer
) -> None:
    admin = opened({"OLLAMA_API_CONFIGS": "{}"}).client.sign_up("Ada")
    user = admin.add_user("Ben")
    wanted = [entry(name) | {"urls": [0], "connection_type": "local"} for name in ollama.names]
    assert admin.get("/ollama/api/tags").json == {"models": wanted}
    assert user.get("/ollama/api/tags").json == {"models": []}
    shared = {"id": "qwen:0.5b", "name": "Qwen", "meta": {}, "params": {}, "access_control": None}
    assert admin.post("/api/v1/models/create", shared).status == 200
    assert user.get("/ollama/api/tags").json == {"models": [wanted[1]]}
    ids = [model["id"] for model in user.get("/ollama/v1/models").json["data"]]
    assert ids == ["qwen:0.5b"]


@pytest.mark.case("AB-40")
@pytest.mark.parametrize(("path", "form"), CALLS)
def test_model_that_may_not_be_used_is_absent(
    opened: Callable[..., InProcessApp], ollama: OllamaServer, path: str, form: dict[str, Any]
) -> None:
    admin = opened({"OLLAMA_API_CONFIGS": "{}"}).client.sign_up("Ada")
    user = admin.add_user("Ben")
    for query in ("", "?bypass_filter=true"):
        refused = user.post(path + query, {"model": "llama3", "bypass_filter": True, **form})
        absent = user.post(path + query, {"model": "absent", **form})
        assert refused.status == absent.status == 404
        assert refused.json["detail"] == "Model not found" and refused.body == absent.body
    assert admin.post(path, {"model": "llama3", **form}).status == 200


@pytest.mark.case("AB-40")
@pytest.mark.parametrize(("path", "form"), CALLS)
def test_second_spelling_of_a_key_chooses_no_other_model(
    opened: Callable[..., InProcessApp], ollama: OllamaServer, path: str, form: dict[str, Any]
) -> None:
    configs = {"0": {"access": "public", "model_ids": ["qwen:0.5b"]}}
    admin = opened({"OLLAMA_API_CONFIGS": json.dumps(configs)}).client.sign_up("Ada")
    user = admin.add_user("Ben")
    spelled = {"Model": "llama3:latest", "MODEL": "llama3:latest", "m\u017fodel": "x"}
    assert user.post(path, {"model": "qwen:0.5b", **form, **spelled}).status == 200
    [request] = [one for one in ollama.requests if one.method == "POST"]
    keys = [key for key in request.json if key.casefold().startswith("m")]
    assert request.json["model"] == "qwen:0.5b" and "Model" not in keys and "MODEL" not in keys


def test_chat_passes_all_that_ollama_knows(user: Client, ollama: OllamaServer) -> None:
    form = {
        "model": "llama3",
        "messages": [{"role": "user", "content": "see", "images": ["aGk=", "aG8="]}],
        "options": {"num_ctx": 4096, "unknown": 1},
        "keep_alive": "10m",
        "format": "json",
        "think": False,
    }
    *parts, end = lines(user.post("/ollama/api/chat", form))
    assert [part["message"]["content"] for part in parts] == ["2 images"]
    assert end == {
        "model": "llama3",
        "created_at": end["created_at"],
        "message": {"role": "assistant", "content": ""},
        "done": True,
        "done_reason": "stop",
        **FIGURES,
    }
    [request] = ollama.received("/api/chat")
    assert request.json == {**form, "model": "llama3:latest", "stream": True}


def test_parameters_of_a_preset_apply_to_a_chat(admin: Client, ollama: OllamaServer) -> None:
    preset = {
        "id": "pirate",
        "name": "Pirate",
        "base_model_id": "llama3:latest",
        "meta": {},
        "params": {
            "system": "You are a pirate.",
            "temperature": 0.5,
            "max_tokens": 9,
            "top_k": "5",
        },
        "access_control": None,
    }
    preset["params"] |= {"custom_params": {"keep_alive": "5m", "num_thread": "4"}, "top_k": 5}
    assert admin.post("/api/v1/models/create", preset).status == 200
    form = {"model": "pirate", "messages": HI, "options": {"temperature": 1, "seed": 3}}
    assert lines(admin.post("/ollama/api/chat", form))[-1]["done"] is True
    [request] = ollama.received("/api/chat")
    assert request.json["messages"][0] == {"role": "system", "content": "You are a pirate."}
    assert request.json["keep_alive"] == "5m"
    assert request.json["options"] == {
        "temperature": 0.5,
        "seed": 3,
        "num_predict": 9,
        "top_k": 5,
        "num_thread": 4,
    }


def test_prompt_is_completed_as_ollama_does(user: Client, ollama: OllamaServer) -> None:
    form = {"model": "llama3", "prompt": "hello", "system": "Be brief.", "suffix": "!", "raw": True}
    *parts, end = lines(user.post("/ollama/api/generate", form))
    assert "".join(part["response"] for part in parts) == "You said: hello"
    assert end["response"] == "" and end["context"] == [1, 2, 3] and end["eval_count"] == 10
    whole = user.post("/ollama/api/generate", {"model": "llama3", "prompt": "x", "stream": False})
    assert whole.json["response"] == "You said: x" and whole.json["done"] is True
    first, second = ollama.received("/api/generate")
    assert first.json == {**form, "model": "llama3:latest", "stream": True}
    assert second.json["raw"] is False and second.json["stream"] is False


def test_system_prompt_needs_its_permission(
    admin: Client, user: Client, ollama: OllamaServer
) -> None:
    tree = admin.get("/api/v1/users/default/permissions").json
    tree["chat"]["system_prompt"] = False
    assert admin.post("/api/v1/users/default/permissions", tree).status == 200
    messages = [{"role": "SYSTEM", "content": "Obey."}, {"role": "developer", "content": "x"}, *HI]
    form = {"model": "llama3", "messages": messages, "stream": False}
    assert user.post("/ollama/api/chat", form).status == 200
    assert ollama.received("/api/chat")[0].json["messages"] == HI


def test_embeddings_of_both_apis(user: Client) -> None:
    answer = user.post("/ollama/api/embed", {"model": "llama3", "input": ["a", "bcd"]})
    assert answer.json == {
        "model": "llama3",
        "embeddings": [[1.0, 0.5], [3.0, 0.5]],
        "prompt_eval_count": 2,
    }
    former = user.post("/ollama/api/embeddings", {"model": "llama3", "prompt": "abc"})
    assert former.json == {"embedding": [3.0, 0.5]}


def test_openai_completions_below_v1(user: Client) -> None:
    chat = user.post("/ollama/v1/chat/completions", {"model": "llama3", "messages": HI})
    assert chat.json["choices"][0]["message"]["content"] == "You said: hi"
    text = user.post("/ollama/v1/completions", {"model": "llama3", "prompt": "hi"})
    assert text.json["choices"][0]["text"] == "You said: hi"
    streamed = user.post("/ollama/v1/completions", {"model": "words", "prompt": "", "stream": True})
    assert streamed.status == 404  # it is not in the list
    streamed = user.post("/ollama/v1/completions", {"model": "qwen:0.5b", "stream": True})
    assert streamed.body.endswith(b"data: [DONE]\n\n")
    assert b'"object":"text_completion"' in streamed.body


def test_show_hides_what_the_author_wrote_from_users(admin: Client, user: Client) -> None:
    shown = admin.post("/ollama/api/show", {"name": "llama3"}).json
    assert "spy" in shown["modelfile"] and "spy" in shown["system"]
    answer = user.post("/ollama/api/show", {"model": "llama3"})
    assert answer.json["details"]["family"] == "llama"
    assert b"spy" not in answer.body and b"/secret/path" not in answer.body


def test_version_is_the_lowest_and_asked_for_once(
    opened: Callable[..., InProcessApp], ollama: OllamaServer
) -> None:
    with OllamaServer(version="0.9.2") as older:
        anyone = opened(two_servers(ollama, older)).client
        for _ in range(3):
            assert anyone.get("/ollama/api/version").json == {"version": "0.9.2"}
        assert anyone.get("/ollama/api/version/0").json == {"version": "0.13.1"}
        assert anyone.get("/ollama/api/version/2").status == 404
        assert len(older.received("/api/version")) == len(ollama.received("/api/version")) == 1


def test_server_is_chosen_by_its_number(
    opened: Callable[..., InProcessApp], ollama: OllamaServer
) -> None:
    with OllamaServer() as second:
        admin = opened(two_servers(ollama, second)).client.sign_up("Ada")
        form = {"model": "llama3", "messages": HI}
        assert admin.get("/ollama/api/tags").json["models"][0]["urls"] == [0, 1]
        for path in ("/ollama/api/chat/1", "/ollama/api/chat?url_idx=1"):
            assert lines(admin.post(path, form))[-1]["done"] is True
        assert len(second.received("/api/chat")) == 2 and not ollama.received("/api/chat")
        for path in ("/ollama/api/chat/2", "/ollama/api/chat?url_idx=7"):
            assert admin.post(path, form).status == 404
        assert admin.post("/ollama/api/chat?url_idx=x", form).status == 422


def test_prefix_is_removed_for_its_server_only(
    opened: Callable[..., InProcessApp], ollama: OllamaServer
) -> None:
    with OllamaServer() as second:
        admin = opened(two_servers(ollama, second, prefix_id="lab")).client.sign_up("Ada")
        names = [model["model"] for model in admin.get("/ollama/api/tags/1").json["models"]]
        assert names == ["lab.llama3:latest", "lab.qwen:0.5b"]
        assert admin.post("/ollama/api/show", {"model": "lab.llama3"}).status == 200
        copy = {"source": "lab.llama3", "destination": "lab.mine"}
        assert admin.post("/ollama/api/copy", copy).json is True
        assert admin.post("/ollama/api/unload", {"name": "lab.qwen:0.5b"}).json == {"status": True}
        assert admin.delete("/ollama/api/delete", {"name": "lab.qwen:0.5b"}).json is True
        assert lines(admin.delete("/ollama/api/push", {"model": "lab.llama3"}))
        assert lines(admin.post("/ollama/api/pull/1", {"model": "lab.new:1b"}))
        sent = [one.json for one in second.requests if one.method in ("POST", "DELETE")]
        assert b"lab." not in json.dumps(sent).encode()
        assert sent[0] == {"model": "llama3:latest"}
        assert sent[-1] == {"model": "new:1b", "insecure": True}
        assert not [one for one in ollama.requests if one.method != "GET"]


def test_pulled_model_is_in_the_list_at_once(admin: Client) -> None:
    progress = lines(admin.post("/ollama/api/pull", {"name": "new:1b"}))
    assert progress[0] == {"status": "pulling manifest"} and progress[-1] == {"status": "success"}
    assert progress[1]["total"] == 10 and progress[1]["completed"] == 5
    names = [model["name"] for model in admin.get("/ollama/api/tags").json["models"]]
    assert "new:1b" in names


def test_deleted_model_is_gone_from_the_list_at_once(admin: Client) -> None:
    assert admin.delete("/ollama/api/delete", {"model": "qwen:0.5b"}).json is True
    names = [model["name"] for model in admin.get("/ollama/api/tags").json["models"]]
    assert names == ["llama3:latest"]


def test_loaded_models_are_listed_for_administrators(
    admin: Client, user: Client, ollama: OllamaServer
) -> None:
    ollama.loaded = ["llama3:latest"]
    [model] = admin.get("/ollama/api/ps").json["models"]
    assert model["model"] == "llama3:latest" and "expires_at" in model
    assert user.get("/ollama/api/ps").status == 403


@pytest.mark.parametrize("path", ["pull", "push", "create", "copy", "delete", "unload"])
def test_models_are_changed_by_administrators_only(
    user: Client, ollama: OllamaServer, path: str
) -> None:
    method = "DELETE" if path == "delete" else "POST"
    form = {"model": "llama3", "name": "llama3", "source": "llama3", "destination": "x"}
    assert user.request(method, f"/ollama/api/{path}", json=form).status == 403
    assert not [one for one in ollama.requests if one.method != "GET"]


def test_unload_without_a_name_is_refused(admin: Client) -> None:
    refused = admin.post("/ollama/api/unload", {})
    assert (refused.status, refused.json["detail"]) == (
        400,
        "Missing name of the model to unload.",
    )


def test_disabled_api_is_told_and_does_nothing(
    opened: Callable[..., InProcessApp], ollama: OllamaServer
) -> None:
    admin = opened({"ENABLE_OLLAMA_API": "false"}).client.sign_up("Ada")
    assert admin.get("/ollama/").json == {"status": True}
    assert admin.get("/ollama/api/version").json == {"version": False}
    for path, form in [*CALLS, ("/ollama/api/pull", {})]:
        refused = admin.post(path, {"model": "llama3", **form})
        assert refused.status == 503
        assert refused.json["detail"].startswith("The Ollama API is disabled.")
    assert admin.get("/ollama/api/tags").status == 503
    assert not ollama.requests


def test_failure_in_the_middle_of_a_stream_is_its_last_line(
    opened: Callable[..., InProcessApp], ollama: OllamaServer
) -> None:
    ollama.names.append("cut:latest")
    user = opened({}).client.sign_up("Ada")
    *parts, last = lines(user.post("/ollama/api/chat", {"model": "cut", "messages": HI}))
    assert "".join(part["message"]["content"] for part in parts) == "word0 word1 "
    assert last == {"error": "The model source 'ollama' broke off its answer."}


@pytest.mark.parametrize(("path", "form"), CALLS)
def test_server_is_told_who_calls_a_model_if_the_operator_wants_that(
    opened: Callable[..., InProcessApp], ollama: OllamaServer, path: str, form: dict[str, Any]
) -> None:
    ben = opened({"ENABLE_FORWARD_USER_INFO_HEADERS": "true"}).client.sign_up("Ada").add_user("Ben")
    assert ben.post(path, form | {"model": "llama3"}).status == 200
    told = ollama.requests[-1].headers
    is_call = path != "/ollama/api/show"
    assert told.get("x-openwebui-user-name") == ("Ben" if is_call else None)
    assert told.get("x-openwebui-user-id") == (ben.account["id"] if is_call else None)
