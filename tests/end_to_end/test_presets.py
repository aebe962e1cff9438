"""A preset on a preset, as people use it who know nothing but the OpenAI package."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import openai
import pytest
from tests.upstream import WORDS, Upstream

from portico.testing import Client, ServerProcess

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),  # nothing of it is about it
]

HELLO: Any = [{"role": "user", "content": "hi"}]
OFFICE = {
    "id": "office/base:v1",
    "base_model_id": "good",
    "name": "Office",
    "meta": {"capabilities": {"vision": False}},
    "params": {
        "system": "You serve {{USER_NAME}}.",
        "temperature": 0.25,
        "top_p": 0.5,
        "custom_params": {"writing_style": '{"oxford_comma": true}'},
    },
    "access_control": None,
}
DESK = {
    "id": "office/légal:v2",
    "base_model_id": OFFICE["id"],
    "name": "Legal desk",
    "meta": {"tags": [{"name": "Tax"}]},
    "params": {"system": "Be brief, {{USER_NAME}}, in {{ USER_LOCATION }}.", "temperature": 0.75},
    "access_control": None,
}
#: Without a prompt of its own it speaks with that of what it stands on.
MUTE = DESK | {"id": "mute", "name": "Mute", "params": {"stop": ["ahoy"]}}


@contextmanager
def sdk(server: ServerProcess, person: Client) -> Iterator[openai.OpenAI]:
    url, key = f"{server.url}/api/v1", str(person.token)
    with openai.OpenAI(base_url=url, api_key=key, max_retries=0) as client:
        yield client


@pytest.fixture
def ada(server: ServerProcess) -> Client:
    """The administrator, who has made the presets."""
    ada = server.client.sign_up("Ada")
    for form in (OFFICE, DESK, MUTE):
        answer = ada.post("/api/v1/models/create", form)
        assert answer.status == 200, answer
    return ada


def test_preset_is_listed_and_answers_with_merged_parameters(
    server: ServerProcess, ada: Client, upstream: Upstream
) -> None:
    ben = ada.add_user("Ben")
    assert ben.post("/api/v1/users/user/info/update", {"location": "Rome"}).status == 200
    with sdk(server, ben) as client:
        listed = {model.id: model for model in client.models.list()}
        assert {str(one["id"]) for one in (OFFICE, DESK, MUTE)} <= set(listed)
        assert (listed[DESK["id"]].object, listed[DESK["id"]].owned_by) == ("model", "openai")

        create: Any = client.chat.completions.create
        whole = create(model=DESK["id"], messages=HELLO)
        assert whole.choices[0].message.content == "".join(WORDS)
        stream = create(model=DESK["id"], messages=HELLO, stream=True, seed=7)
        assert "".join(part.choices[0].delta.content or "" for part in stream) == "".join(WORDS)

    sent = {
        "model": "good",
        "messages": [{"role": "system", "content": "Be brief, Ben, in Rome."}, *HELLO],
        "temperature": 0.75,
        "top_p": 0.5,
        "writing_style": {"oxford_comma": True},
    }
    asked, streamed = (request.json for request in upstream.completions())
    assert asked == sent | {"stream": False}
    assert streamed == sent | {"stream": True, "seed": 7}


def test_preset_without_a_prompt_uses_that_of_its_base(
    server: ServerProcess, ada: Client, upstream: Upstream
) -> None:
    with sdk(server, ada) as client:
        create: Any = client.chat.completions.create
        chat: Any = [{"role": "system", "content": "Speak Latin."}, *HELLO]
        create(model=MUTE["id"], messages=chat, temperature=2)
    (asked,) = upstream.completions()
    assert asked.json["messages"][0]["content"] == "You serve Ada.\nSpeak Latin."
    assert (asked.json["temperature"], asked.json["stop"]) == (0.25, ["ahoy"])


def test_preset_follows_changes_of_its_base_immediately(
    server: ServerProcess, ada: Client, upstream: Upstream
) -> None:
    changed = OFFICE | {"params": {"top_p": 1, "system": "Serve."}}
    assert ada.post("/api/v1/models/model/update", changed).status == 200
    with sdk(server, ada) as client:
        client.chat.completions.create(model=str(MUTE["id"]), messages=HELLO)
        assert ada.post("/api/v1/models/model/toggle?id=office%2Fbase%3Av1").status == 200
        with pytest.raises(openai.NotFoundError):
            client.chat.completions.create(model=str(MUTE["id"]), messages=HELLO)
        assert "mute" not in [model.id for model in client.models.list()]
    (asked,) = upstream.completions()
    assert (asked.json["messages"][0]["content"], asked.json["top_p"]) == ("Serve.", 1)
    assert "temperature" not in asked.json


def test_forbidden_preset_looks_absent(
    server: ServerProcess, ada: Client, upstream: Upstream
) -> None:
    ben = ada.add_user("Ben")
    private = DESK | {"access_control": {"read": {"user_ids": [ada.account["id"]]}}}
    assert ada.post("/api/v1/models/model/update", private).status == 200
    with sdk(server, ben) as client:
        assert DESK["id"] not in [model.id for model in client.models.list()]
        for stream in (False, True):
            create: Any = client.chat.completions.create
            with pytest.raises(openai.NotFoundError) as refused:
                create(model=DESK["id"], messages=HELLO, stream=stream)
            assert refused.value.code == "model_not_found"
            with pytest.raises(openai.NotFoundError) as unknown:
                create(model="absent", messages=HELLO, stream=stream)
            assert unknown.value.body == refused.value.body
    assert not upstream.completions()
