"""What an administrator sets on one instance is in force on every other, too."""

import time
from collections.abc import Callable

import pytest

from portico.testing import PASSWORD, Client, InProcessApp

CONFIG = "/api/v1/auths/admin/config"
#: Generous: what is promised is a second, what is tested is that it happens.
PATIENCE = 10


def eventually(holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


@pytest.fixture
def env(env: dict[str, str]) -> dict[str, str]:
    """An operator who left it open who may sign up."""
    free = ("ENABLE_SIGNUP", "DEFAULT_USER_ROLE")
    return {name: value for name, value in env.items() if name not in free}


@pytest.mark.timeout(120)
def test_setting_changed_on_one_instance_applies_on_all(
    two_apps: tuple[InProcessApp, InProcessApp],
) -> None:
    one, two = two_apps
    ada = one.client.sign_up("Ada")
    there = Client(two.client.transport, ada.token)

    def sign_up(name: str) -> int:
        form = {"name": name, "email": f"{name}@example.org", "password": PASSWORD}
        return two.client.post("/api/v1/auths/signup", form).status

    assert (sign_up("eve"), there.post("/api/v1/auths/api_key").status) == (403, 403)
    config = ada.get(CONFIG).json | {"ENABLE_SIGNUP": True, "ENABLE_API_KEYS": True}
    assert ada.post(CONFIG, config | {"DEFAULT_USER_ROLE": "user"}).status == 200
    assert eventually(lambda: there.post("/api/v1/auths/api_key").status == 200)
    assert eventually(lambda: sign_up("ben") == 200)
    assert two.client.get("/api/config").json["features"]["enable_signup"] is True
    key = Client(two.client.transport, there.get("/api/v1/auths/api_key").json["api_key"])
    assert key.get("/api/v1/auths/").status == 200
    assert ada.post(CONFIG, config | {"ENABLE_API_KEYS": False}).status == 200
    assert eventually(lambda: key.get("/api/v1/auths/").status == 403)
    assert ada.post(CONFIG, config | {"JWT_EXPIRES_IN": "1h"}).status == 200
    assert eventually(lambda: there.get("/api/v1/auths/").status == 401)


def test_models_and_banners_of_one_instance_are_those_of_all(
    two_apps: tuple[InProcessApp, InProcessApp],
) -> None:
    one, two = two_apps
    ada = one.client.sign_up("Ada")
    there = Client(two.client.transport, ada.token)
    banner = {"id": "b", "type": "info", "content": "Hi", "dismissible": True, "timestamp": 1}
    last = there.get("/api/models").json["data"][-1]["id"]
    models = ada.get("/api/v1/configs/models").json | {"MODEL_ORDER_LIST": [last]}
    assert there.get("/api/v1/configs/banners").json == []
    assert ada.post("/api/v1/configs/models", models).status == 200
    assert ada.post("/api/v1/configs/banners", {"banners": [banner]}).status == 200
    assert eventually(
        lambda: there.get("/api/v1/configs/banners").json == [banner | {"title": None}]
    )
    assert eventually(lambda: there.get("/api/models").json["data"][0]["id"] == last)

    document = {"config": {"ui": {"default_models": last}}}
    assert ada.post("/api/v1/configs/import", document).status == 200
    assert eventually(lambda: there.get("/api/config").json["default_models"] == last)
    assert there.get("/api/v1/configs/banners").json == []
    number = there.get("/api/v1/configs/history").json[0]["number"]
    assert there.post(f"/api/v1/configs/history/{number}/undo").status == 200
    assert eventually(lambda: len(ada.get("/api/v1/configs/banners").json) == 1)
