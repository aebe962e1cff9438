"""The default permissions, read and changed by an administrator."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.plugins.groups.conftest import DEFAULTS, GROUPS, Audited, NewGroup

from portico.boot import Application
from portico.testing import Client, InProcessApp

OWN = "/api/v1/users/permissions"


def tree_of(admin: Client) -> dict[str, Any]:
    return copy.deepcopy(admin.get(DEFAULTS).json)


def test_a_changed_default_is_in_force_at_once_everywhere(admin: Client, user: Client) -> None:
    tree = tree_of(admin)
    assert tree["chat"]["delete"] and not tree["features"]["api_keys"]
    assert user.get(OWN).json == tree
    tree["chat"]["delete"], tree["features"]["api_keys"] = False, True
    answer = admin.post(DEFAULTS, tree)
    assert (answer.status, answer.json) == (200, tree)
    assert tree_of(admin) == user.get(OWN).json == tree
    assert user.get("/api/v1/auths/").json["permissions"] == tree
    assert Client(user.transport).sign_in("Ben").account["permissions"] == tree


def test_groups_add_to_the_stored_defaults(
    admin: Client, user: Client, new_group: NewGroup
) -> None:
    group = new_group(permissions={"workspace": {"models": True}})["id"]
    admin.post(f"{GROUPS}/id/{group}/users/add", {"user_ids": [user.account["id"]]})
    before = user.get(OWN).json
    tree = tree_of(admin)
    tree["workspace"]["tools"] = True
    admin.post(DEFAULTS, tree)
    after = user.get(OWN).json
    assert after["workspace"] == before["workspace"] | {"tools": True}
    assert after["workspace"]["models"]


def test_all_sections_are_needed_and_words_may_be_missing(admin: Client) -> None:
    tree = tree_of(admin)
    tree["chat"]["delete"] = False
    admin.post(DEFAULTS, tree)
    short = {section: {} for section in tree} | {"echo": {"shout": True}}
    short["chat"] = {"stt": False, "shout": True}
    answer = admin.post(DEFAULTS, short).json
    assert answer["chat"]["delete"] and not answer["chat"]["stt"]
    assert "echo" not in answer and "shout" not in answer["chat"]
    for section in tree:
        refused = admin.post(
            DEFAULTS, {name: words for name, words in tree.items() if name != section}
        )
        assert refused.status == 422 and refused.detail[0]["loc"] == ["body", section]
    assert tree_of(admin) == answer


@pytest.mark.case("AB-31")
@pytest.mark.parametrize("value", ["no", "true", 1, 0, None, [], {}, 1e5])
def test_a_default_is_true_or_false(admin: Client, value: Any) -> None:
    tree = tree_of(admin)
    answer = admin.post(DEFAULTS, tree | {"features": {"api_keys": value}})
    assert answer.status == 422
    assert answer.detail[0]["loc"] == ["body", "features", "api_keys"]
    assert admin.post(DEFAULTS, tree | {"features": value}).status == (200 if value == {} else 422)
    assert tree_of(admin) == tree


def test_only_administrators_see_and_change_defaults(client: Client, user: Client) -> None:
    for ask in (lambda who: who.get(DEFAULTS), lambda who: who.post(DEFAULTS, {})):
        assert ask(client).status == 401
        assert ask(user).status == 403


def test_a_changed_default_is_noted_as_what_it_was_and_became(
    admin: Client, audited: Audited
) -> None:
    tree = tree_of(admin)
    admin.post(DEFAULTS, tree)
    assert audited("default_permissions") == []
    for value in (False, False, True):
        tree["chat"]["delete"] = value
        admin.post(DEFAULTS, tree)
    noted = audited("default_permissions")
    assert {(one["event"], one["id"], one["author"]) for one in noted} == {
        ("default_permissions.changed", "default", admin.account["id"])
    }
    assert [(one["old"], one["new"]) for one in noted] == [
        ({"chat": {"delete": True}}, {"chat": {"delete": False}}),
        ({"chat": {"delete": False}}, {"chat": {"delete": True}}),
    ]


def test_what_the_operator_set_stays_whatever_is_stored(
    env: dict[str, str], tmp_path: Path, complete_schema: Callable[[Application], None]
) -> None:
    app = InProcessApp(env, complete_schema)
    admin = app.client.sign_up("Ada")
    tree = tree_of(admin)
    tree["chat"]["delete"] = tree["chat"]["share"] = tree["chat"]["edit"] = False
    assert admin.post(DEFAULTS, tree).json == tree
    app.close()

    config = tmp_path / "portico.toml"
    config.write_text("[permissions]\nchat_share = true\n")
    pinned = {"USER_PERMISSIONS_CHAT_DELETE": "true", "PORTICO_CONFIG": str(config)}
    app = InProcessApp(env | pinned, complete_schema)
    try:
        admin = app.client.sign_in("Ada")
        in_force = copy.deepcopy(tree)
        in_force["chat"]["delete"] = in_force["chat"]["share"] = True
        assert tree_of(admin) == in_force
        answer = admin.post(DEFAULTS, tree)
        assert answer.status == 400 and "chat.delete" in answer.detail
        assert admin.post(DEFAULTS, in_force).json == in_force
    finally:
        app.close()

    app = InProcessApp(env, complete_schema)
    try:
        assert tree_of(app.client.sign_in("Ada")) == tree
    finally:
        app.close()


@pytest.mark.both_databases
def test_another_instance_follows_within_a_moment(
    env: dict[str, str], complete_schema: Callable[[Application], None]
) -> None:
    first, second = (
        InProcessApp(env, complete_schema),
        InProcessApp(env | {"PORTICO_IDENTITY_SESSION_CACHE_SECONDS": "0"}, complete_schema),
    )
    try:
        admin = first.client.sign_up("Ada")
        there = Client(second.client.transport, admin.token)
        tree = tree_of(there)
        tree["chat"]["delete"] = False
        admin.post(DEFAULTS, tree)
        assert there.get(OWN).json == there.get("/api/v1/auths/").json["permissions"] == tree
    finally:
        first.close()
        second.close()
