"""What is taken away is gone: at once where it was taken, within the second on every other instance."""

import time
from collections.abc import Callable

import pytest

from portico.testing import Client, InProcessApp

pytestmark = pytest.mark.timeout(120)

MODEL = {"id": "desk", "name": "Desk", "base_model_id": "good", "meta": {}, "params": {}}
TURN = {"model": "desk", "messages": [{"role": "user", "content": "hi"}], "stream": False}

#: Generous: what is promised is a second, what is tested is that it happens.
PATIENCE = 10


def may_ask(client: Client) -> bool:
    return client.post("/api/chat/completions", TURN).status == 200


def is_in_sight(client: Client) -> bool:
    """Whether it is listed, or can be opened."""
    listed = [one["id"] for one in client.get("/api/models").json["data"]]
    return "desk" in listed or client.get("/api/v1/models/model?id=desk").status == 200


def eventually(holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


@pytest.mark.case("AB-34")
def test_leaving_a_group_ends_model_access_on_every_instance(
    two_apps: tuple[InProcessApp, InProcessApp],
) -> None:
    one, two = two_apps
    ada = one.client.sign_up("Ada")
    ben = ada.add_user("Ben")
    form = {"name": "Crew", "description": ""}
    crew = ada.post("/api/v1/groups/create", form).json["id"]
    member = {"user_ids": [ben.account["id"]]}
    assert ada.post(f"/api/v1/groups/id/{crew}/users/add", member).status == 200
    shared = {"read": {"group_ids": [crew], "user_ids": []}}
    assert ada.post("/api/v1/models/create", MODEL | {"access_control": shared}).status == 200
    ben_on_two = two.client.sign_in("Ben")
    assert may_ask(ben)
    assert eventually(lambda: may_ask(ben_on_two) and is_in_sight(ben_on_two))

    assert ada.post(f"/api/v1/groups/id/{crew}/users/remove", member).status == 200

    assert not may_ask(ben)
    assert not is_in_sight(ben)
    assert eventually(lambda: not may_ask(ben_on_two))
    assert eventually(lambda: not is_in_sight(ben_on_two))

    assert ada.post(f"/api/v1/groups/id/{crew}/users/add", member).status == 200
    assert may_ask(ben)
    assert ada.delete(f"/api/v1/groups/id/{crew}/delete").status == 200
    assert not may_ask(ben)
    assert eventually(lambda: not may_ask(ben_on_two))
    kept = ada.get("/api/v1/models/model?id=desk").json["access_control"]
    assert kept == {}
