"""Plugins add buttons below replies: models list them, and the server runs them for users of both the model and the chat."""

from typing import Any

import pytest
from tests.reply_requests import start_chat

from portico.api import Forbidden
from portico.api.models import ActionRequest, MessageAction
from portico.testing import Client, InProcessApp

PATH = "/api/chat/actions/{}"


@pytest.fixture
def seen(app: InProcessApp) -> list[ActionRequest]:
    """What the action `translate` was run for."""
    found: list[ActionRequest] = []

    async def translate(request: ActionRequest) -> dict[str, Any]:
        found.append(request)
        return {"messages": [{"id": request.message_id, "content": "Übersetzt"}]}

    async def fail(request: ActionRequest) -> None:
        raise KeyError("a secret")

    async def refuse(request: ActionRequest) -> None:
        raise Forbidden("Not today.")

    app.portico.catalogue.set_actions(
        [
            MessageAction(id="translate", name="Translate", run=translate, is_global=True),
            MessageAction(id="tools.fail", name="Fail", run=fail, is_global=True),
            MessageAction(id="refuse", name="Refuse", run=refuse, is_global=True),
            MessageAction(id="special", name="Special", run=translate, icon="data:image/png;,x"),
        ]
    )
    return found


def run(user: Client, action: str, chat_id: str, message_id: str, **more: Any) -> Any:
    body = {"model": "good", "chat_id": chat_id, "id": message_id, "session_id": "s", **more}
    return user.post(PATH.format(action), json=body)


def actions(client: Client, model_id: str) -> list[str]:
    entries = {one["id"]: one for one in client.get("/api/models").json["data"]}
    return [one["id"] for one in entries[model_id]["actions"]]


def test_action_runs_for_a_reply_and_its_answer_goes_to_the_client(
    user: Client, seen: list[ActionRequest]
) -> None:
    chat_id, message_id = start_chat(user)
    with user.connect_socket() as socket:
        answer = run(user, "translate", chat_id, message_id, session_id=socket.id, messages=[])
    assert answer.json == {"messages": [{"id": message_id, "content": "Übersetzt"}]}
    request = seen[0]
    assert (request.model_id, request.chat_id, request.message_id) == ("good", chat_id, message_id)
    assert (request.socket_id, set(request.body) >= {"messages"}) == (socket.id, True)


@pytest.mark.case("AB-54")
def test_action_gets_no_socket_of_another_account(
    user: Client, admin: Client, seen: list[ActionRequest]
) -> None:
    chat_id, message_id = start_chat(user)
    with admin.connect_socket() as socket:
        run(user, "translate", chat_id, message_id, session_id=socket.id)
    assert seen[0].socket_id is None


@pytest.mark.case("AB-48")
def test_action_on_a_chat_or_model_of_others_is_refused(
    user: Client, admin: Client, seen: list[ActionRequest]
) -> None:
    chat_id, message_id = start_chat(admin)
    assert run(user, "translate", chat_id, message_id).status == 404
    own, message_id = start_chat(user)
    assert run(user, "translate", own, message_id, model="hidden").status == 400
    assert seen == []


@pytest.mark.parametrize("action", ["none", "special", "fail", "__class__"])
def test_action_that_the_model_does_not_have_is_not_found(
    action: str, user: Client, seen: list[ActionRequest]
) -> None:
    answer = run(user, action, *start_chat(user))
    assert (answer.status, answer.detail) == (400, f"Action not found: {action}")


def test_models_list_global_actions_and_their_own(
    admin: Client, user: Client, seen: list[ActionRequest]
) -> None:
    assert actions(user, "good") == ["refuse", "tools.fail", "translate"]
    form = {"id": "preset", "name": "P", "base_model_id": "good", "params": {}}
    admin.post("/api/v1/models/create", json=form | {"meta": {"actionIds": ["special", "gone"]}})
    assert actions(user, "preset") == ["refuse", "special", "tools.fail", "translate"]
    assert run(user, "special", *start_chat(user), model="preset").status == 200


def test_failing_action_is_said_without_its_reason(user: Client, seen: list[ActionRequest]) -> None:
    answer = run(user, "tools.fail", *start_chat(user))
    assert (answer.status, answer.detail) == (400, "The action 'tools.fail' failed.")
    refused = run(user, "refuse", *start_chat(user))
    assert (refused.status, refused.detail) == (403, "Not today.")


@pytest.mark.parametrize(
    ("declared", "reason"),
    [
        ({"id": "a b"}, "needs an id"),
        ({"name": None}, "needs texts"),
        ({"run": len}, "needs an async function"),
        ({"time_limit": float("inf")}, "needs a positive number"),
    ],
)
def test_wrong_declaration_is_named(declared: dict[str, Any], reason: str) -> None:
    async def run(request: ActionRequest) -> None: ...

    one = MessageAction(**{"id": "a", "name": "A", "run": run, **declared})
    assert one.fault().startswith(reason)
