"""The law in force is the one that is written: pages laid over each other, edits noticed, bad ones refused."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.core.permissions.conftest import AddGroup, AddPerson

from portico.audit import AuditFilter, AuditLog, acting_as
from portico.db import Database, fetch_one, transaction
from portico.errors import NotFound
from portico.permissions import (
    InvalidPolicy,
    PackagedPolicy,
    Permissions,
    PolicyLine,
    PolicyService,
    ResourceKind,
)
from portico_models.records import COLLECTION_ACTIONS, ITEM_ACTIONS

pytestmark = pytest.mark.anyio

MODEL = ResourceKind("model", "note_note", ITEM_ACTIONS, collection_actions=COLLECTION_ACTIONS)
OFFICE = ResourceKind("office", "", ("keep",), required_for_admins=("keep",))
POLICIES = (
    PackagedPolicy("portico_policies", "models.csv"),
    PolicyLine("office", "keep", "role:admin"),
)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    path = tmp_path / "policies"
    path.mkdir()
    return path


@pytest.fixture
def write(directory: Path) -> Callable[[str, str], None]:
    """Write a page as an editor would have left it a while ago."""

    def written(name: str, text: str) -> None:
        path = directory / name
        path.write_text(text)
        edits = len(list(directory.iterdir())) + len(text)
        os.utime(path, ns=(edits * 10**9, edits * 10**9))

    return written


@pytest.fixture
async def keeper(database: Database, directory: Path) -> PolicyService:
    return await opened(directory)


async def opened(
    directory: Path | None, kinds: tuple[ResourceKind, ...] = (MODEL, OFFICE)
) -> PolicyService:
    """A keeper of another process on the same database."""
    keeper = PolicyService(Permissions(), directory)
    keeper.builder.set_plugin_policies(
        kinds, [p for p in POLICIES if kinds != (MODEL,) or isinstance(p, PackagedPolicy)]
    )
    await keeper.load()
    return keeper


def allowed(keeper: PolicyService, *words: str, action: str = "read") -> bool:
    law = keeper._permissions.policies
    return law.action_rules("model", action).allows(
        law.effective_principals(words) | frozenset(words)
    )


async def trail() -> list[tuple[str, str, Any, Any]]:
    return [
        (e.author, e.resource_id, msgspec.json.decode(e.old), msgspec.json.decode(e.new))
        for e in await AuditLog().page(AuditFilter(event="policy.changed"))
    ]


async def test_a_page_of_another_name_adds_to_the_packaged_ones(
    keeper: PolicyService, write: Callable[[str, str], None]
) -> None:
    assert not allowed(keeper, "user:ann")

    write("ours.csv", "p, model, read, user:ann, allow\n")
    await keeper.reload_if_changed()

    assert allowed(keeper, "user:ann")
    assert allowed(keeper, "everyone")


async def test_a_page_of_the_same_name_replaces_the_packaged_one(
    keeper: PolicyService, write: Callable[[str, str], None], directory: Path
) -> None:
    write("models.csv", "p, model, read, user:ann, allow\n")
    await keeper.reload_if_changed()

    assert allowed(keeper, "user:ann")
    assert not allowed(keeper, "everyone")

    (directory / "models.csv").unlink()
    await keeper.reload_if_changed()

    assert allowed(keeper, "everyone")


async def test_FT_31_a_bad_edit_is_refused_with_its_place_and_the_law_stays(
    keeper: PolicyService, write: Callable[[str, str], None], directory: Path
) -> None:
    write("ours.csv", "p, model, read, user:ann, allow\n")
    await keeper.reload_if_changed()
    law = keeper._permissions.policies

    write("ours.csv", "p, model, read, user:ann, allow\np, modle, read, user:bob, allow\n")
    await keeper.reload_if_changed()

    assert keeper._permissions.policies is law
    (fault,) = keeper.rejected
    assert fault.startswith(f"{directory}/ours.csv:2: there is no kind 'modle'")

    write("ours.csv", "p, model, read, user:bob, allow\n")
    await keeper.reload_if_changed()

    assert keeper.rejected == ()
    assert allowed(keeper, "user:bob")


async def test_a_file_somebody_is_still_writing_is_left_alone_for_a_moment(
    keeper: PolicyService, directory: Path
) -> None:
    path = directory / "ours.csv"
    path.write_text("p, model, read, everyone, deny\n")
    os.utime(path)

    await keeper.reload_if_changed()
    assert allowed(keeper, "everyone")

    os.utime(path, ns=(10**9, 10**9))
    await keeper.reload_if_changed()
    assert not allowed(keeper, "everyone")


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("ours.csv", "p, office, keep, role:admin, deny", "it would lock out every administrator"),
        ("ours.csv", "p, *, *, role:admin, deny", "it would lock out every administrator"),
        (
            "ours.csv",
            "g, role:admin, role:clerk\np, office, *, role:clerk, deny",
            "it would lock out every administrator from office:keep",
        ),
        ("ours.csv", "p, office, keep, user:root, deny", "it would lock out every administrator"),
        ("ours.csv", "p, office, keep, group:crew, deny", "it would lock out every administrator"),
        ("model.conf", "[matchers]\nm = true", "the Casbin model cannot be replaced"),
        ("ours.csv", "p, model, read, everyone, deny\n" * 20_000, "longer than"),
    ],
)
async def test_AB_83_a_law_that_would_lock_out_every_administrator_is_refused(
    keeper: PolicyService,
    write: Callable[[str, str], None],
    add_person: AddPerson,
    add_group: AddGroup,
    name: str,
    text: str,
    reason: str,
) -> None:
    root = await add_person("root", role="admin")
    await add_group("crew", root)
    law = keeper._permissions.policies

    write(name, text)
    await keeper.reload_if_changed()

    assert keeper._permissions.policies is law
    assert reason in keeper.rejected[0]


async def test_one_administrator_may_be_kept_out_as_long_as_another_is_not(
    keeper: PolicyService, write: Callable[[str, str], None], add_person: AddPerson
) -> None:
    await add_person("root", role="admin")
    await add_person("boss", role="admin")

    write("ours.csv", "p, office, keep, user:root, deny\n")
    await keeper.reload_if_changed()

    assert keeper.rejected == ()


async def test_the_page_that_lets_administrators_in_cannot_be_emptied(
    database: Database, directory: Path, write: Callable[[str, str], None]
) -> None:
    write("base.csv", "p, *, *, role:pending, deny\np, office, keep, role:admin, deny\n")

    with pytest.raises(InvalidPolicy, match="base.csv:2: it would lock out"):
        await opened(directory)


async def test_a_directory_that_is_not_there_is_said_at_the_start(
    database: Database, tmp_path: Path
) -> None:
    with pytest.raises(InvalidPolicy, match="No such file"):
        await opened(tmp_path / "nowhere")


async def test_after_a_restart_with_a_bad_page_the_last_good_law_is_in_force(
    keeper: PolicyService, directory: Path, write: Callable[[str, str], None]
) -> None:
    write("ours.csv", "p, model, read, everyone, deny\n")
    await keeper.reload_if_changed()
    write("ours.csv", "p, model, read, everyone\n")

    restarted = await opened(directory)

    assert not allowed(restarted, "everyone")
    assert "ours.csv:1: 4 fields where 5" in restarted.rejected[0]


async def test_a_house_opens_with_a_law_that_locks_out_those_who_are_left_and_says_so(
    keeper: PolicyService, add_person: AddPerson, database: Database
) -> None:
    await add_person("root", role="admin")
    await add_person("boss", role="admin")
    await keeper.save({"ours.csv": "p, office, keep, user:root, deny\n"}, "boss")
    await database.execute("UPDATE portico_account SET role = 'user' WHERE id = 'boss'")

    restarted = await opened(None)

    assert "it would lock out every administrator" in restarted.rejected[0]
    assert not allowed(restarted, "role:pending", "owner")


async def test_a_line_about_the_things_of_a_plugin_that_failed_waits_for_it(
    database: Database, directory: Path, write: Callable[[str, str], None]
) -> None:
    write("ours.csv", "p, office, keep, role:user, allow\np, model, read, user:ann, allow\n")
    keeper = PolicyService(Permissions(), directory)
    keeper.builder.set_plugin_policies(
        [MODEL], [PackagedPolicy("portico_policies", "models.csv")], allow_unknown_kinds=True
    )

    await keeper.load()

    assert allowed(keeper, "user:ann")
    assert [rule.kind for rule in keeper._permissions.policies.inactive] == ["office"]


async def test_what_is_saved_is_in_force_here_at_once_and_elsewhere_with_the_next_look(
    keeper: PolicyService, add_person: AddPerson
) -> None:
    other = await opened(None)
    await keeper.save({"ours.csv": "p, model, read, user:ann, allow\n"}, "root")

    assert allowed(keeper, "user:ann")
    assert not allowed(other, "user:ann")
    await other.reload_if_changed()
    assert allowed(other, "user:ann")


async def test_AB_83_a_bad_page_is_not_saved_and_a_good_one_can_be_taken_back(
    keeper: PolicyService,
) -> None:
    first = await keeper.save({"models.csv": ""}, "root")
    assert not allowed(keeper, "everyone")

    with pytest.raises(InvalidPolicy):
        await keeper.save({"ours.csv": "p, *, *, *, allow"}, "root")
    assert not allowed(keeper, "everyone")

    await keeper.roll_back(0, "root")
    assert allowed(keeper, "everyone")
    await keeper.roll_back(first, "root")
    assert not allowed(keeper, "everyone")
    with pytest.raises(NotFound):
        await keeper.roll_back(99, "root")


async def test_a_save_that_is_rolled_back_with_its_transaction_changes_nothing(
    keeper: PolicyService,
) -> None:
    class Undone(Exception):
        pass

    with pytest.raises(Undone):
        async with transaction():
            await keeper.save({"models.csv": ""}, "root")
            raise Undone

    assert allowed(keeper, "everyone")
    assert (await fetch_one("SELECT COUNT(*) AS n FROM portico_policy_version")) == {"n": 0}


async def test_a_change_leaves_one_entry_with_before_and_after_whoever_sees_it(
    keeper: PolicyService, write: Callable[[str, str], None], directory: Path
) -> None:
    await keeper.record_change()
    other = await opened(directory)
    before = len(await trail())

    write("ours.csv", "p, model, read, user:ann, allow\n")
    await keeper.reload_if_changed()
    await other.reload_if_changed()
    assert len(await trail()) == before + 1
    assert (await trail())[0] == (
        "", "ours.csv", {"ours.csv": None}, {"ours.csv": "p, model, read, user:ann, allow\n"}
    )  # fmt: skip

    with acting_as("root"):
        await keeper.save({"models.csv": ""}, "root")
    await other.reload_if_changed()
    author, subject, was, became = (await trail())[0]
    assert (author, subject, became) == ("root", "models.csv", {"models.csv": ""})
    assert was["models.csv"].startswith("# Models of the workspace")
    assert len(await trail()) == before + 2


async def test_two_who_save_at_once_both_keep_their_page(keeper: PolicyService) -> None:
    names = [f"page-{number}.csv" for number in range(6)]
    text = "p, model, read, user:ann, allow\n"

    await asyncio.gather(*(keeper.save({name: text}, "root") for name in names))
    await keeper.reload_if_changed()

    assert {page.name for page in keeper.files} >= set(names)
