"""Moving folders: permitted parents, and that no two moves create a cycle, however they meet."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.plugins.folders.conftest import (
    EXISTS,
    FOLDERS,
    NOT_UPDATED,
    NOWHERE,
    move,
    new_folder,
    parents,
    stored,
)

from portico.testing import Client, InProcessApp
from portico_folders.tree import FolderTree

ROUNDS = 25


@pytest.fixture
def elsewhere(app: InProcessApp, env: dict[str, str], ann: Client) -> Iterator[Client]:
    """Ann at a second instance on the same database."""
    other = InProcessApp(env)
    yield Client(other.client.transport, ann.token, ann.account)
    other.close()


def test_folder_moves_to_parent_and_root(ann: Client) -> None:
    top = new_folder(ann, "Top")
    folder_id = new_folder(ann, "Low", data={"a": 1})

    moved = ann.post(f"{FOLDERS}{folder_id}/update/parent", {"parent_id": top})

    assert (moved.status, moved.json["parent_id"], moved.json["data"]) == (200, top, {"a": 1})
    assert ann.get(FOLDERS + folder_id).json == moved.json
    assert move(ann, folder_id, top) == 200  # where it is already
    assert ann.post(f"{FOLDERS}{folder_id}/update/parent", {}).json["parent_id"] is None
    assert parents(ann) == {"Top": None, "Low": None}


@pytest.mark.case("D-CHAT-11")
def test_move_into_own_subtree_is_refused(app: InProcessApp, ann: Client) -> None:
    top = new_folder(ann, "Top")
    middle = new_folder(ann, "Middle", inside=top)
    low = new_folder(ann, "Low", inside=middle)
    before = stored(app)

    for parent_id in (top, middle, low):
        answer = ann.post(f"{FOLDERS}{top}/update/parent", {"parent_id": parent_id})
        assert (answer.status, answer.detail) == (400, NOT_UPDATED)

    assert stored(app) == before


@pytest.mark.case("AB-55")
def test_foreign_and_unknown_parents_get_same_response(
    app: InProcessApp, ann: Client, bob: Client, admin: Client
) -> None:
    theirs, gone = new_folder(bob), new_folder(ann, "Gone")
    ann.delete(FOLDERS + gone)
    for user in (ann, admin):
        mine = new_folder(user, "Mine")
        before = stored(app)
        for parent_id in (theirs, gone, NOWHERE, "", "\x00", "../", "🦜", "x" * 100_000):
            answer = user.post(f"{FOLDERS}{mine}/update/parent", {"parent_id": parent_id})
            assert (answer.status, answer.detail) == (400, NOT_UPDATED)
        assert stored(app) == before


def test_move_to_parent_with_same_name_is_refused(ann: Client) -> None:
    top = new_folder(ann, "Top")
    inside = new_folder(ann, "Same", inside=top)
    outside = new_folder(ann, "SAME")

    for folder_id, parent_id in ((outside, top), (inside, None)):
        answer = ann.post(f"{FOLDERS}{folder_id}/update/parent", {"parent_id": parent_id})
        assert (answer.status, answer.detail) == (400, EXISTS)

    assert parents(ann) == {"Top": None, "Same": "Top", "SAME": None}


def test_depth_of_folders_is_limited(env: dict[str, str], request: pytest.FixtureRequest) -> None:
    env["PORTICO_FOLDERS_MAX_DEPTH"] = "3"
    ada: Client = request.getfixturevalue("admin")
    first = new_folder(ada, "1")
    second = new_folder(ada, "2", inside=first)
    new_folder(ada, "3", inside=second)
    pair = new_folder(ada, "a")
    new_folder(ada, "b", inside=pair)

    refused = ada.post(f"{FOLDERS}{pair}/update/parent", {"parent_id": second})

    assert refused.status == 400
    assert refused.detail == "[ERROR: Folders can be nested at most 3 deep]"
    assert parents(ada) == {"1": None, "2": "1", "3": "2", "a": None, "b": "a"}
    assert move(ada, pair, first) == 200


def test_missing_and_foreign_parents_are_returned_as_null(
    app: InProcessApp, ann: Client, bob: Client
) -> None:
    theirs, mine = new_folder(bob), new_folder(ann, "Mine")
    for parent_id in (theirs, NOWHERE):
        app.run(
            app.portico.database.execute,
            "UPDATE folders_folder SET parent_id = $1 WHERE id = $2",
            parent_id,
            mine,
        )
        assert ann.get(FOLDERS + mine).json["parent_id"] is None
        assert ann.get(FOLDERS).json[0]["parent_id"] is None
        assert ann.post(f"{FOLDERS}{mine}/update", {}).json["parent_id"] is None


def test_existing_cycle_can_be_broken_and_deleted(app: InProcessApp, ann: Client) -> None:
    first = new_folder(ann, "First")
    second = new_folder(ann, "Second", inside=first)
    execute = app.portico.database.execute
    ring = "UPDATE folders_folder SET parent_id = $1 WHERE id = $2"
    app.run(execute, ring, second, first)

    assert move(ann, new_folder(ann, "Third"), second) == 200
    assert move(ann, first, None) == 200
    assert parents(ann) == {"First": None, "Second": "First", "Third": "Second"}
    app.run(execute, ring, second, first)
    assert ann.delete(FOLDERS + second).json is True
    assert parents(ann) == {}


@pytest.mark.both_databases
def test_concurrent_moves_create_no_cycle(ann: Client, elsewhere: Client) -> None:
    pairs = [(new_folder(ann, f"a{n}"), new_folder(ann, f"b{n}")) for n in range(ROUNDS)]

    with ThreadPoolExecutor(4) as threads:
        for first, second in pairs:
            moves = [
                threads.submit(move, user, *way)
                for user in (ann, elsewhere)
                for way in ((first, second), (second, first))
            ]
            assert sorted({one.result() for one in moves}) == [200, 400]

    tree = parents(ann)
    assert len(tree) == 2 * ROUNDS
    for n in range(ROUNDS):
        assert {tree[f"a{n}"], tree[f"b{n}"]} in ({None, f"a{n}"}, {None, f"b{n}"})


@pytest.mark.both_databases
def test_concurrent_creations_of_one_name_create_one_folder(ann: Client, elsewhere: Client) -> None:
    with ThreadPoolExecutor(4) as threads:
        for n in range(ROUNDS):
            forms = [{"name": f"{word}{n}"} for word in ("name", "NAME", "Name", "nAmE")]
            users = (ann, elsewhere, ann, elsewhere)
            answers = list(
                threads.map(
                    lambda one: one[0].post(FOLDERS, one[1]), zip(users, forms, strict=True)
                )
            )
            assert sorted(answer.status for answer in answers) == [200, 400, 400, 400]
    assert len(parents(ann)) == ROUNDS


def test_last_allowed_folder_is_created_once(
    env: dict[str, str], request: pytest.FixtureRequest
) -> None:
    env["PORTICO_FOLDERS_MAX_FOLDERS"] = "5"
    ann: Client = request.getfixturevalue("ann")
    elsewhere: Client = request.getfixturevalue("elsewhere")
    with ThreadPoolExecutor(8) as threads:
        users = [ann, elsewhere] * 10
        statuses = list(
            threads.map(
                lambda one: one[0].post(FOLDERS, {"name": str(one[1])}).status,
                zip(users, range(20), strict=True),
            )
        )
    assert sorted(statuses) == [200] * 5 + [400] * 15


@pytest.mark.both_databases
def test_concurrent_updates_are_all_stored(ann: Client, elsewhere: Client) -> None:
    path = f"{FOLDERS}{new_folder(ann)}/update"
    with ThreadPoolExecutor(8) as threads:
        users = [ann, elsewhere] * 20
        forms = [{"data": {f"key{n}": n}} for n in range(40)]
        statuses = set(
            threads.map(
                lambda one: one[0].post(path, one[1]).status, zip(users, forms, strict=True)
            )
        )
    assert statuses == {200}
    assert len(ann.get(path.removesuffix("/update")).json["data"]) == 40


@pytest.mark.both_databases
def test_move_into_concurrently_deleted_folder_is_consistent(
    ann: Client, elsewhere: Client
) -> None:
    with ThreadPoolExecutor(2) as threads:
        for n in range(ROUNDS):
            target, folder_id = new_folder(ann, f"target{n}"), new_folder(ann, f"folder{n}")
            deleted = threads.submit(ann.delete, FOLDERS + target)
            moved = threads.submit(move, elsewhere, folder_id, target)
            assert deleted.result().status == 200
            # If it was moved first, it is deleted with its new parent; otherwise it stays where it was.
            left = {200: 404, 400: 200}[moved.result()]
            assert ann.get(FOLDERS + folder_id).status == left


def test_tree_handles_cycles_and_missing_parents() -> None:
    tree = FolderTree(
        {
            "a": None,
            "b": "a",
            "c": "b",
            "d": "a",
            "lost": "gone",
            "x": "y",
            "y": "x",
            "self": "self",
        }
    )
    assert [tree.depth(one) for one in ("a", "c", "lost", "x", "self", "gone")] == [
        1,
        3,
        1,
        2,
        1,
        0,
    ]
    assert tree.levels("a") == [{"a"}, {"b", "d"}, {"c"}]
    assert tree.levels("x") == [{"x"}, {"y"}]
    assert tree.levels("self") == [{"self"}]
    assert "a" in tree and "gone" not in tree
