"""Error texts over HTTP that clients know."""

from collections.abc import Callable

import pytest
from tests.error_details import ACCESS_PROHIBITED
from tests.plugins.models.conftest import form, readers

from portico.testing import Client, InProcessApp, Response

MODELS = "/api/v1/models"
UNAVAILABLE = (503, "Service temporarily unavailable")


def create(who: Client, model_id: str = "legal-desk", **changes: object) -> Response:
    return who.post(f"{MODELS}/create", form(model_id, **changes))


@pytest.fixture
def admin_made(admin: Client, bob: Client) -> str:
    """The id of a model of the administrator that Bob may read."""
    assert create(admin, "desk", access_control=readers(bob)).status == 200
    return "desk"


WORDS: dict[str, tuple[Callable[[Client], Response], int, str]] = {
    "MODEL_ID_TOO_LONG": (
        lambda bob: create(bob, "x" * 257),
        400,
        "The model id is too long. Please make sure your model id is less than 256 characters long.",
    ),
    "MODEL_ID_TAKEN": (
        lambda bob: create(bob, "desk"),
        400,
        "Uh-oh! This model id is already registered. Please choose another model id string.",
    ),
    "INVALID_MODEL_ID": (
        lambda bob: create(bob, ""),
        400,
        "The model id is empty or holds characters that are not allowed.",
    ),
    "UNAUTHORIZED": (
        lambda bob: bob.get(f"{MODELS}/export"),
        403,
        "401 Unauthorized",
    ),
    "ACCESS_PROHIBITED, of a model": (
        lambda bob: bob.post(f"{MODELS}/model/update", form("desk")),
        403,
        ACCESS_PROHIBITED,
    ),
    "ACCESS_PROHIBITED, of a route": (
        lambda bob: bob.post(f"{MODELS}/sync", {"models": []}),
        403,
        ACCESS_PROHIBITED,
    ),
    "NOT_FOUND": (
        lambda bob: bob.get(f"{MODELS}/model?id=absent"),
        404,
        "We could not find what you're looking for :/",
    ),
    "DEFAULT_ERROR": (
        lambda bob: create(bob, params={"temperature": 3}),
        400,
        "[ERROR: params.temperature must be a number from 0 to 2]",
    ),
}


@pytest.mark.parametrize(("ask", "status", "detail"), WORDS.values(), ids=WORDS)
def test_rejections_have_the_error_texts_clients_know(
    bob: Client, admin_made: str, ask: Callable[[Client], Response], status: int, detail: str
) -> None:
    answer = ask(bob)

    assert (answer.status, answer.detail) == (status, detail)
    assert bob.get(f"{MODELS}/model?id={admin_made}").json["name"] == "Legal desk"


def test_chat_with_unknown_model_is_model_not_found(
    env: dict[str, str],
) -> None:
    app = InProcessApp(env | {"PORTICO_PLUGINS_ONLY": "accounts,password,models,completions"})
    try:
        ada = app.client.sign_up("Ada")
        body = {"model": "absent", "messages": [{"role": "user", "content": "hi"}]}
        answer = ada.post("/api/chat/completions", body)
        assert (answer.status, answer.detail) == (404, "Model not found")
    finally:
        app.close()


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/list", None),
        ("GET", "/model?id=desk", None),
        ("POST", "/create", form()),
        ("POST", "/model/update", form("desk")),
        ("POST", "/model/toggle?id=desk", None),
        ("POST", "/model/delete", {"id": "desk"}),
        ("POST", "/import", {"models": [form()]}),
        ("POST", "/sync", {"models": [form()]}),
        ("DELETE", "/delete/all", None),
    ],
)
def test_unreachable_database_is_database_error(
    app: InProcessApp, admin: Client, admin_made: str, method: str, path: str, body: object
) -> None:
    database = app.portico.database
    app.run(database.stop)
    try:
        answer = admin.request(method, MODELS + path, json=body)
    finally:
        app.run(database.start)
    assert (answer.status, answer.detail) == UNAVAILABLE
    assert answer.headers["retry-after"] == "2"
    assert admin.get(f"{MODELS}/model?id={admin_made}").json["is_active"] is True
