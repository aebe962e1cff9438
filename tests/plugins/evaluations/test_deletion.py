"""What remains of ratings when a chat or an account is deleted, and when administrators delete all."""

from collections.abc import Callable

import pytest
from tests.plugins.evaluations.conftest import ALL, FEEDBACK, chat_of, new_chat, rate, rows, scores

from portico.api import NotFound
from portico.api.auth import Actor
from portico.boot import Application
from portico.testing import Client, CommandLine, InProcessApp
from portico_evaluations.service import FeedbackService


def test_deletions_leave_the_sums_of_the_ratings_that_remain(
    app: InProcessApp, admin: Client, ann: Client, bob: Client
) -> None:
    for user, rating in ((ann, 1), (bob, -1)):
        for number in range(3):
            chat_id = new_chat(user, "alpha", "beta")
            rate(user, chat_id, rating, sibling_model_ids=["beta"], tags=["Travel", f"t{number}"])
    assert scores(admin) == {"alpha": (3, 3, 3, 3), "beta": (3, 3, 0, 0)}
    assert scores(admin, " travel ") == scores(admin)

    assert admin.delete(f"/api/v1/users/{ann.account['id']}").status == 200

    assert scores(admin) == {"alpha": (0, 3, 0, 3), "beta": (3, 0, 0, 0)}
    assert [one["user_id"] for one in rows(app, "evaluations_owner")] == [bob.account["id"]]
    assert {one["user_id"] for one in rows(app, "evaluations_feedback")} == {bob.account["id"]}
    assert admin.delete(ALL).json is True
    assert admin.delete(ALL).json is False
    assert scores(admin) == {} == scores(admin, "travel")
    assert rows(app, "evaluations_score") == rows(app, "evaluations_feedback") == []


@pytest.mark.both_databases
def test_deleted_chat_takes_its_copy_along_and_leaves_the_rating(
    app: InProcessApp, admin: Client, ann: Client
) -> None:
    chat_id = new_chat(ann, "alpha", "beta")
    snapshot = {"chat": {"chat": chat_of("alpha", "beta")}}
    one = f"{FEEDBACK}/{rate(ann, chat_id, snapshot=snapshot, sibling_model_ids=['beta'])['id']}"

    assert ann.delete(f"/api/v1/chats/{chat_id}").status == 200
    app.run(app.portico.events.drain)

    assert admin.get(one).json["snapshot"]["chat"]["chat"]["history"]["messages"] == {}
    assert [row["snapshot"] for row in rows(app, "evaluations_feedback")] == [None]
    assert rows(app, "evaluations_owner")[0]["snapshot_bytes"] == 0
    # It can still be changed: what it was compared with is known.
    form = {"type": "rating", "data": {"rating": -1, "sibling_model_ids": ["beta", "gamma"]}}
    assert ann.post(one, form).json["data"]["sibling_model_ids"] == ["beta"]
    assert scores(admin) == {"alpha": (0, 1, 0, 1), "beta": (1, 0, 0, 0)}


def test_sums_of_an_account_that_was_deleted_without_the_plugin_are_found_and_mended(
    env: dict[str, str], complete_schema: Callable[[Application], None], cli: CommandLine
) -> None:
    app = InProcessApp(env, complete_schema)
    ada = app.client.sign_up("Ada")
    form = {"id": "alpha", "name": "a", "base_model_id": "good", "meta": {}, "params": {}}
    assert ada.post("/api/v1/models/create", form).status == 200
    ann = ada.add_user("Ann")
    for user in (ada, ann):
        rate(user, new_chat(user, "alpha"), tags=["x"])
    app.close()
    app = InProcessApp(env | {"PORTICO_PLUGINS_DISABLE": "evaluations"})
    ada = app.client.sign_in("Ada")
    assert ada.delete(f"/api/v1/users/{ann.account['id']}").status == 200
    assert len(rows(app, "evaluations_feedback")) == 1
    app.close()

    assert "the sums of the leaderboard" in cli("db", "check", code=1).stdout
    cli("db", "check", "--repair")
    cli("db", "check")

    app = InProcessApp(env)
    assert scores(app.client.sign_in("Ada"), "x") == {"alpha": (0, 0, 1, 0)}
    app.close()


@pytest.mark.both_databases
def test_requests_of_an_account_that_is_deleted_meanwhile_find_nothing(
    app: InProcessApp, admin: Client, ann: Client
) -> None:
    [ours] = [one for one in app.portico.contributions if one.plugin_name == "evaluations"]
    service: FeedbackService = ours.components.feedback
    rated = rate(ann, new_chat(ann, "alpha"))
    actor = Actor(ann.account["id"], "ann@x.org", "Ann", "user", "", "")
    assert admin.delete(f"/api/v1/users/{ann.account['id']}").status == 200

    assert app.run(service.delete_own, actor) is False
    with pytest.raises(NotFound):
        app.run(service.delete, actor, rated["id"])
    assert rows(app, "evaluations_owner") == []
