"""A program with a key: what it can do, and that it cannot do it any longer than its owner wants."""

import time

import openai
import pytest
from tests.api_keys import KEYS, ON, SINGLE, new_key
from tests.upstream import WORDS

from portico.testing import Client, InProcessApp, ServerProcess

ME = "/api/v1/auths/"
TURN = [{"role": "user", "content": "hi"}]
#: Generous: what is promised is a second, what is tested is that it happens.
PATIENCE = 10


@pytest.fixture
def env(env: dict[str, str]) -> dict[str, str]:
    return env | ON


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # nothing of it is about it
@pytest.mark.timeout(120)
def test_openai_package_works_with_an_api_key(server: ServerProcess) -> None:
    ada = server.client.sign_up("Ada")
    made = new_key(ada, scopes=["models:read", "completions"])
    sdk = openai.OpenAI(base_url=f"{server.url}/api/v1", api_key=made["api_key"], max_retries=0)
    assert "good" in [model.id for model in sdk.models.list()]
    streamed = sdk.chat.completions.create(model="good", messages=TURN, stream=True)  # type: ignore[arg-type]
    assert "".join(part.choices[0].delta.content or "" for part in streamed) == "".join(WORDS)
    assert ada.delete(f"{KEYS}/{made['id']}").status == 200
    with pytest.raises(openai.AuthenticationError):
        sdk.models.list()
    reader = openai.OpenAI(
        base_url=f"{server.url}/api/v1",
        api_key=new_key(ada, scopes=["read"])["api_key"],
        max_retries=0,
    )
    assert reader.models.list().data
    with pytest.raises(openai.PermissionDeniedError):
        reader.chat.completions.create(model="good", messages=TURN)  # type: ignore[arg-type]


@pytest.mark.case("AB-21")
@pytest.mark.timeout(120)
def test_key_loses_access_on_every_instance(two_apps: tuple[InProcessApp, InProcessApp]) -> None:
    one, two = two_apps
    ada = one.client.sign_up("Ada")
    made, replaced = new_key(ada), ada.post(SINGLE).json["api_key"]
    eve = ada.add_user("Eve", role="admin")
    eves = new_key(eve)["api_key"]
    there = [Client(two.client.transport, key) for key in (made["api_key"], replaced, eves)]
    assert [program.get(ME).status for program in there] == [200, 200, 200]
    assert ada.delete(f"{KEYS}/{made['id']}").status == 200
    assert ada.post(SINGLE).status == 200
    form = {"name": "Eve", "email": "eve@example.org", "profile_image_url": "", "role": "pending"}
    assert ada.post(f"/api/v1/users/{eve.account['id']}/update", form).status == 200
    deadline = time.monotonic() + PATIENCE
    for program, status in zip(there, (401, 401, 403), strict=True):
        while program.get(ME).status != status:
            assert time.monotonic() < deadline
            time.sleep(0.01)
