"""Ratings over HTTP: what is stored, of which replies, and who reads and changes it."""

from typing import Any
from uuid import UUID

import pytest
from tests.error_details import NOT_FOUND
from tests.plugins.evaluations.conftest import (
    ALL,
    FEEDBACK,
    ROOT,
    chat_of,
    form,
    new_chat,
    rate,
    rows,
    scores,
)

from portico.testing import Client, InProcessApp

NO_CHAT = {"chat": {"chat": {"history": {"messages": {}, "currentId": None}}}}


def test_rating_is_created_changed_and_deleted_as_the_web_client_does(
    app: InProcessApp, admin: Client, ann: Client
) -> None:
    chat_id = new_chat(ann, "alpha", "beta")
    snapshot = {"chat": {"id": chat_id, "chat": chat_of("alpha", "beta")}}
    sent = form(chat_id, model_id="alpha", sibling_model_ids=["beta"], snapshot=snapshot)
    sent["meta"]["base_models"] = {"alpha": "good"}

    made = ann.post(FEEDBACK, sent).json

    assert UUID(made["id"]).version == 4
    assert made["user_id"] == ann.account["id"] and made["version"] == 0
    assert made["type"] == "rating" and made["created_at"] == made["updated_at"] > 1
    assert made["data"] == {
        "rating": 1, "model_id": "alpha", "sibling_model_ids": ["beta"], "reason": None, "comment": None,
    }  # fmt: skip
    assert (made["meta"], made["snapshot"]) == (sent["meta"], snapshot)
    one = f"{FEEDBACK}/{made['id']}"
    assert ann.get(one).json == made

    sent["data"] |= {
        "rating": -1, "reason": "too_verbose", "comment": "Lön\u2028g", "tags": ["Travel"],
        "details": {"rating": 3}, "more": {"kept": [1.50, "x"]},
    }  # fmt: skip
    changed = ann.post(one, sent).json
    assert changed["id"] == made["id"] and changed["data"] == sent["data"]
    assert changed["snapshot"] == snapshot
    assert scores(admin)["alpha"] == (0, 1, 0, 1) and scores(admin)["beta"] == (1, 0, 0, 0)
    assert ann.post(one, {"type": "rating"}).json["data"] == sent["data"]

    # The id that the client should have stored was lost: the rating is the same one.
    again = rate(ann, chat_id, 1)
    assert again["id"] == made["id"]
    assert scores(admin) == {"alpha": (0, 0, 1, 0)}
    (listed,) = ann.get(f"{ROOT}/feedbacks/user").json
    assert listed == {key: again[key] for key in again if key != "snapshot"} | {"user": None}

    assert ann.delete(one).json is True
    assert {
        ann.get(one).status,
        ann.delete(one).status,
        ann.post(one, {"type": "rating"}).status,
    } == {404}
    assert rows(app, "evaluations_score") == rows(app, "evaluations_feedback") == []
    assert ann.delete(f"{ROOT}/feedbacks").json is False


@pytest.mark.case("AB-53")
def test_replies_of_others_and_what_is_no_reply_cannot_be_rated(
    app: InProcessApp, admin: Client, ann: Client, bob: Client
) -> None:
    mine, theirs = new_chat(ann, "alpha"), new_chat(bob, "alpha")

    for user, chat_id, reply in (
        (ann, theirs, "r0"), (admin, theirs, "r0"), (ann, mine, "q"), (ann, mine, "r1"), (ann, "local:x", "r0"),
        (ann, "a\x00b", "r0"), (ann, mine, "\ud800"), (ann, "ä", "r0"), (ann, f"{mine}' OR 1=1", "r0"),
    ):  # fmt: skip
        refused = user.post(FEEDBACK, form(chat_id, reply=reply))
        assert refused.status == 400, (chat_id, reply, refused)
        assert refused.detail == "[ERROR: meta.message_id: you have no chat with this reply]"
    assert ann.post(FEEDBACK, form(mine, model_id="beta")).status == 400
    made = rate(ann, mine)
    assert ann.post(f"{FEEDBACK}/{made['id']}", form(theirs)).status == 400
    assert len(rows(app, "evaluations_feedback")) == 1
    assert ann.get(f"{FEEDBACK}/{made['id']}").json == made


def test_message_that_kept_the_id_of_another_rating_gets_its_own(
    app: InProcessApp, admin: Client, ann: Client, bob: Client
) -> None:
    made = rate(ann, new_chat(ann, "alpha"), comment="First")
    one = f"{FEEDBACK}/{made['id']}"
    cloned, shared = new_chat(ann, "beta"), new_chat(bob, "beta")

    for user, chat_id in ((ann, cloned), (bob, shared)):
        first, again = user.post(one, form(chat_id, -1)).json, user.post(one, form(chat_id)).json
        assert first["id"] == again["id"] != made["id"] and again["user_id"] == user.account["id"]
    assert ann.get(one).json == made
    assert admin.delete(one).status == 200
    assert ann.post(one, form(made["meta"]["chat_id"])).status == 200
    assert len(rows(app, "evaluations_feedback")) == 3


@pytest.mark.case("AB-16", "AB-52", "AB-56")
def test_ratings_are_their_authors_and_administrators_may_only_delete_them(
    admin: Client, ann: Client, bob: Client
) -> None:
    chat_id = new_chat(ann, "alpha")
    made = rate(ann, chat_id, snapshot={"chat": {"chat": chat_of("alpha")}}, comment="Fine")
    one = f"{FEEDBACK}/{made['id']}"
    pending = admin.add_user("Eve", role="pending")

    for path in (one, f"{FEEDBACK}/nothing", f"{FEEDBACK}/%00", f"{FEEDBACK}/%F0%9F%98%80"):
        for answer in (bob.get(path), bob.delete(path), bob.post(path, form(chat_id))):
            assert (answer.status, answer.detail) == (404, NOT_FOUND)
    assert {pending.get(one).status, pending.post(FEEDBACK, form(chat_id)).status} == {403}
    assert admin.get(one).json == made
    assert admin.post(one, form(chat_id)).status == 403
    for path in (ALL, f"{ALL}/export", f"{ROOT}/feedbacks/list", f"{ROOT}/leaderboard"):
        assert (bob.get(path).status, pending.get(path).status) == (403, 403)
    assert bob.delete(ALL).status == bob.get(f"{ROOT}/config").status == 403

    assert admin.delete(one).json is True
    assert ann.get(one).status == 404
    entries = admin.get("/api/v1/audit/?kind=feedback").json
    assert "feedback.deleted" in str(entries)


def test_rating_needs_the_permission_and_the_setting(admin: Client, ann: Client) -> None:
    chat_id = new_chat(ann, "alpha")
    one = f"{FEEDBACK}/{rate(ann, chat_id)['id']}"
    assert ann.get("/api/config").json["features"]["enable_message_rating"] is True
    assert ann.get("/api/v1/users/permissions").json["chat"]["rate_response"] is True

    defaults = admin.get("/api/v1/users/default/permissions").json
    off = defaults | {"chat": defaults["chat"] | {"rate_response": False}}
    assert admin.post("/api/v1/users/default/permissions", off).status == 200
    refused = {ann.post(path, form(chat_id)).status for path in (FEEDBACK, one)}
    assert refused == {403} and ann.get(one).status == 200
    assert admin.post("/api/v1/users/default/permissions", defaults).status == 200

    config = admin.get("/api/v1/auths/admin/config").json
    off = config | {"ENABLE_MESSAGE_RATING": False}
    assert admin.post("/api/v1/auths/admin/config", off).status == 200
    assert ann.get("/api/config").json["features"]["enable_message_rating"] is False
    assert {ann.post(path, form(chat_id)).status for path in (FEEDBACK, one)} == {403}
    assert ann.delete(one).status == 200


@pytest.mark.case("AB-58")
def test_fields_of_wrong_types_and_sizes_are_refused_and_named(ann: Client) -> None:
    chat_id = new_chat(ann, "alpha", "beta")

    def status(**data: Any) -> tuple[int, Any]:
        answer = ann.post(FEEDBACK, form(chat_id, **data))
        return answer.status, answer.detail[0]["loc"][1:] if answer.status == 422 else None

    wrong: list[tuple[dict[str, Any], list[Any]]] = [
        ({"rating": 2}, ["data", "rating"]), ({"rating": "good"}, ["data", "rating"]),
        ({"model_id": 1}, ["data", "model_id"]), ({"model_id": "x" * 257}, ["data", "model_id"]),
        ({"sibling_model_ids": "beta"}, ["data", "sibling_model_ids"]),
        ({"sibling_model_ids": ["a"] * 65}, ["data", "sibling_model_ids"]),
        ({"comment": "x" * 10_001}, ["data", "comment"]), ({"reason": ["x"]}, ["data", "reason"]),
        ({"tags": ["x" * 257]}, ["data", "tags", 0]), ({"details": {"rating": 11}}, ["data", "details", "rating"]),
        ({"meta": {"chat_id": 5}}, ["meta", "chat_id"]), ({"meta": {"message_id": ""}}, ["meta", "message_id"]),
        ({"snapshot": {"chat": {"chat": {"history": []}}}}, ["snapshot", "chat", "chat", "history"]),
        ({"snapshot": {"chat": 1}}, ["snapshot", "chat"]),
    ]  # fmt: skip
    for data, path in wrong:
        assert status(**data) == (422, path), data
    assert status(more="x" * 9_000)[0] == status(meta={"more": "x" * 9_000})[0] == 413
    for body in (
        {},
        {"type": "rating"},
        {"type": "rating", "meta": {}},
        {"type": "", "meta": {}},
        [],
    ):
        assert ann.post(FEEDBACK, body).status == 422
    assert ann.get(f"{ROOT}/feedbacks/user").json == []
    # What older clients and scripts send.
    made = rate(ann, chat_id, rating="1", sibling_model_ids=[None, "beta", "absent"])  # type: ignore[arg-type]
    assert made["data"]["rating"] == 1 and made["data"]["sibling_model_ids"] == ["beta"]
    assert made["data"]["model_id"] == "alpha"
    assert rate(ann, chat_id, rating=None)["data"]["rating"] is None


def test_hostile_text_is_stored_as_it_is(admin: Client, ann: Client) -> None:
    text = "<script>\u0000'; DROP TABLE x; -- \U0001f600 \u202e \\ \""
    made = rate(
        ann, new_chat(ann, "alpha"), comment=text, reason=text, tags=[text], more={text: [text]}
    )
    clean = text.replace("\u0000", "")
    assert made["data"]["comment"] == made["data"]["reason"] == clean
    assert made["data"]["tags"] == [clean]
    assert admin.get(f"{ROOT}/feedbacks/list").json["items"][0]["data"] == made["data"]


@pytest.mark.case("AB-57")
def test_large_and_many_snapshots_are_not_stored_and_the_rating_is(
    env: dict[str, str], request: pytest.FixtureRequest
) -> None:
    env |= {
        "PORTICO_EVALUATIONS_MAX_SNAPSHOT_BYTES": "20000",
        "PORTICO_EVALUATIONS_MAX_ACCOUNT_SNAPSHOT_BYTES": "24000",
        "PORTICO_EVALUATIONS_MAX_FEEDBACKS": "3",
    }
    ann: Client = request.getfixturevalue("ann")
    app: InProcessApp = request.getfixturevalue("app")
    chats = [new_chat(ann, "alpha") for _ in range(4)]

    def snapshot(size: int) -> dict[str, Any]:
        return {"chat": {"chat": chat_of("alpha"), "title": "x" * size}}

    assert rate(ann, chats[0], snapshot=snapshot(20_000))["snapshot"] == NO_CHAT
    first = rate(ann, chats[0], snapshot=snapshot(15_000))
    assert first["snapshot"] == snapshot(15_000)
    assert rate(ann, chats[1], snapshot=snapshot(10_000))["snapshot"] == NO_CHAT
    assert rate(ann, chats[2], snapshot=snapshot(5_000))["snapshot"] == snapshot(5_000)
    # The present one is replaced, so it does not count, and it stays where none is sent.
    assert rate(ann, chats[0], -1, snapshot=snapshot(14_000))["snapshot"] == snapshot(14_000)
    assert rate(ann, chats[0], 1)["snapshot"] == snapshot(14_000)
    refused = ann.post(FEEDBACK, form(chats[3]))
    assert (refused.status, "at most 3 ratings" in refused.detail) == (400, True)
    (owner,) = rows(app, "evaluations_owner")
    stored = rows(app, "evaluations_feedback")
    assert owner["feedbacks"] == len(stored) == 3
    assert owner["snapshot_bytes"] == sum(one["snapshot_bytes"] for one in stored) > 19_000
    assert ann.delete(f"{ROOT}/feedbacks").json is True
    (owner,) = rows(app, "evaluations_owner")
    assert (owner["feedbacks"], owner["snapshot_bytes"]) == (0, 0)
