"""The whole way, as a person goes it: sign up, make a model, ask it, lose the power, find everything again."""

import json
from typing import Any

import openai
import pytest
from tests.upstream import WORDS, Upstream

from portico.testing import ServerProcess

pytestmark = pytest.mark.timeout(120)
#: For tests of which nothing is about the database.
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

PIRATE = {
    "id": "pirate/captain:v1",
    "base_model_id": "good",
    "name": "Captain",
    "meta": {"description": "Speaks like one.", "unknown": {"kept": [1, 2.50, "é"]}},
    "params": {"system": "You are a pirate, {{USER_NAME}}.", "temperature": 0.25, "stop": ["ahoy"]},
    "access_control": None,
}


def chat_document(text: str) -> dict[str, Any]:
    message = {"id": "m1", "parentId": None, "childrenIds": [], "role": "user", "content": text}
    return {
        "title": "Ahoy",
        "models": ["x"],
        "history": {"messages": {"m1": message}, "currentId": "m1"},
    }


def test_streamed_chat_of_a_new_user_survives_a_crash(
    server: ServerProcess, upstream: Upstream
) -> None:
    ada = server.client.sign_up("Ada")
    assert ada.account["role"] == "admin"
    created = ada.post("/api/v1/models/create", PIRATE)
    assert created.status == 200, created
    ben = ada.add_user("Ben")

    sdk = openai.OpenAI(base_url=f"{server.url}/api/v1", api_key=ben.token, max_retries=0)
    assert PIRATE["id"] in [model.id for model in sdk.models.list()]
    words = [
        part.choices[0].delta.content or ""
        for part in sdk.chat.completions.create(
            model=str(PIRATE["id"]), messages=[{"role": "user", "content": "hi"}], stream=True
        )
    ]
    assert "".join(words) == "".join(WORDS)
    (asked,) = upstream.completions()
    assert asked.headers["authorization"] == f"Bearer {upstream.key}"
    assert asked.json["model"] == "good"
    assert asked.json["temperature"] == 0.25
    assert asked.json["stop"] == ["ahoy"]
    assert asked.json["messages"] == [
        {"role": "system", "content": "You are a pirate, Ben."},
        {"role": "user", "content": "hi"},
    ]

    saved = ben.post("/api/v1/chats/new", {"chat": chat_document("hi")})
    assert saved.status == 200, saved
    server.kill()
    server.start()
    ben = server.client.sign_in("Ben")
    found = ben.get(f"/api/v1/chats/{saved.json['id']}")
    assert found.json == saved.json
    assert [chat["id"] for chat in ben.get("/api/v1/chats/?page=1").json] == [saved.json["id"]]
    kept = ada.get("/api/v1/models/model?id=pirate%2Fcaptain%3Av1")
    assert kept.json["meta"]["unknown"] == {"kept": [1, 2.50, "é"]}


@on_sqlite
def test_openai_package_gets_responses_and_errors_it_understands(
    server: ServerProcess, upstream: Upstream
) -> None:
    ada = server.client.sign_up("Ada")
    sdk = openai.OpenAI(base_url=f"{server.url}/api/v1", api_key=ada.token, max_retries=0)
    whole = sdk.chat.completions.create(model="good", messages=[{"role": "user", "content": "hi"}])
    assert whole.choices[0].message.content == "".join(WORDS)
    with pytest.raises(openai.NotFoundError) as refused:
        sdk.chat.completions.create(model="absent", messages=[{"role": "user", "content": "hi"}])
    assert refused.value.code == "model_not_found"
    with pytest.raises(openai.AuthenticationError):
        openai.OpenAI(base_url=f"{server.url}/api/v1", api_key="wrong", max_retries=0).models.list()
    with pytest.raises(openai.APIError):
        for _ in sdk.chat.completions.create(
            model="cut", messages=[{"role": "user", "content": "hi"}], stream=True
        ):
            pass


def test_session_survives_a_restart_and_ends_at_sign_out(server: ServerProcess) -> None:
    ada = server.client.sign_up("Ada")
    server.stop()
    server.start()
    assert ada.get("/api/v1/auths/").json["email"] == "ada@example.org"
    assert ada.get("/api/v1/auths/signout").status == 200
    assert ada.get("/api/v1/auths/").status == 401


def test_log_and_tables_contain_no_secret(server: ServerProcess, upstream: Upstream) -> None:
    ada = server.client.sign_up("Ada")
    for model in ("good", "status-401", "status-500-json", "cut", "broken-json", "absent"):
        ada.post(
            "/api/chat/completions",
            {
                "model": model,
                "stream": True,
                "messages": [{"role": "user", "content": "a private word"}],
            },
        )
    said = server.log_text
    assert said.count('"level": "warning"') >= 4
    for secret in (
        upstream.key,
        ada.token or "",
        "correct horse",
        "a private word",
        server.environment["WEBUI_SECRET_KEY"],
    ):
        assert secret not in said


@on_sqlite
def test_ready_line_has_the_url(server: ServerProcess) -> None:
    said = server.log_text
    assert f"Portico is ready at {server.url}" in said
    assert "The first account to sign up" in said
    events = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    assert {e["plugin"] for e in events if e["event"] == "public routes"} >= {
        "accounts",
        "password",
    }
