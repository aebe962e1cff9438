"""Folder queries of other plugins, through the service `FolderLookup`."""

import pytest
from tests.plugins.folders.conftest import FOLDERS, NOWHERE, new_folder

from portico.api.interfaces import FolderLookup
from portico.testing import Client, InProcessApp

#: Ids that no folder can have.
ODD = ("", NOWHERE, "\x00", "a\x00", "🦜", "\ud800", "%", "x" * 10_000)


@pytest.fixture
def folders(app: InProcessApp) -> FolderLookup:
    return app.portico.context.services.require(FolderLookup)


@pytest.mark.case("AB-55")
def test_folder_exists_only_for_its_owner(
    app: InProcessApp, folders: FolderLookup, ann: Client, bob: Client, admin: Client
) -> None:
    folder_id, gone = new_folder(ann), new_folder(ann, "Gone")
    ann.delete(FOLDERS + gone)

    assert app.run(folders.exists, ann.account["id"], folder_id)
    for user in (bob, admin):
        assert not app.run(folders.exists, user.account["id"], folder_id)
    for odd in (*ODD, gone):
        assert not app.run(folders.exists, ann.account["id"], odd)


@pytest.mark.case("AB-55")
def test_subtree_contains_only_folders_of_owner(
    app: InProcessApp, folders: FolderLookup, ann: Client, bob: Client
) -> None:
    top = new_folder(ann, "Top")
    middle = new_folder(ann, "Middle", inside=top)
    low = new_folder(ann, "Low", inside=middle)
    new_folder(ann, "Other")
    theirs = new_folder(bob)
    app.run(
        app.portico.database.execute,
        "UPDATE folders_folder SET parent_id = $1 WHERE id = $2",
        middle,
        theirs,
    )

    def below(user: Client, folder_id: str) -> list[str]:
        return sorted(app.run(folders.subtree_ids, user.account["id"], folder_id))

    assert below(ann, top) == sorted((top, middle, low))
    assert below(ann, low) == [low]
    for user, folder_id in ((bob, top), *((ann, odd) for odd in ODD)):
        assert below(user, folder_id) == []


def test_subtree_of_cycle_ends(app: InProcessApp, folders: FolderLookup, ann: Client) -> None:
    first = new_folder(ann, "First")
    second = new_folder(ann, "Second", inside=first)
    app.run(
        app.portico.database.execute,
        "UPDATE folders_folder SET parent_id = $1 WHERE id = $2",
        second,
        first,
    )
    assert sorted(app.run(folders.subtree_ids, ann.account["id"], first)) == sorted((first, second))


def test_ids_by_name_ignores_case_and_includes_subtree(
    app: InProcessApp, folders: FolderLookup, ann: Client, bob: Client
) -> None:
    top = new_folder(ann, "Große_Reisen 2")
    low = new_folder(ann, "Low", inside=top)
    same = new_folder(ann, "grosse reisen 2", inside=low)
    other = new_folder(ann, "Other")
    again = new_folder(ann, "GROSSE REISEN_2", inside=other)
    new_folder(ann, "Grosse Reisen 22")
    new_folder(bob, "Grosse Reisen 2")

    def named(name: str) -> list[str]:
        return sorted(app.run(folders.ids_by_name, ann.account["id"], name))

    for name in ("große reisen 2", "GROSSE_REISEN_2", "  grosse   reisen 2 "):
        assert named(name) == sorted((top, low, same, again))
    assert named("other") == sorted((other, again))
    for name in (*ODD, "_", "gross% reisen 2", "grosse"):
        assert named(name) == []


def test_renamed_folder_is_found_by_new_name(
    app: InProcessApp, folders: FolderLookup, ann: Client
) -> None:
    folder_id = new_folder(ann, "Old")
    ann.post(f"{FOLDERS}{folder_id}/update", {"name": "New"})
    assert app.run(folders.ids_by_name, ann.account["id"], "new") == [folder_id]
    assert app.run(folders.ids_by_name, ann.account["id"], "old") == []
