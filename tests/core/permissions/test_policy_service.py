"""The active policies are those of the files: files override others, edits are noticed, invalid ones rejected."""

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
    PolicyRule,
    PolicyService,
    ResourceKind,
)
from portico.permissions.policies.files import PolicyFile
from portico_models.records.resource_kind import COLLECTION_ACTIONS, ITEM_ACTIONS

pytestmark = pytest.mark.anyio

MODEL = ResourceKind("model", "note_note", ITEM_ACTIONS, collection_actions=COLLECTION_ACTIONS)
OFFICE = ResourceKind("office", "", ("keep",), required_for_admins=("keep",))
POLICIES = (
    PackagedPolicy("portico_policies", "models.csv"),
    PolicyRule("office", "keep", "role:admin"),
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
async def service(database: Database, directory: Path) -> PolicyService:
    return await opened(directory)


async def opened(
    directory: Path | None, kinds: tuple[ResourceKind, ...] = (MODEL, OFFICE)
) -> PolicyService:
    """A service of another process on the same database."""
    service = PolicyService(Permissions(), directory)
    service.builder.set_plugin_policies(
        [(kinds, [p for p in POLICIES if kinds != (MODEL,) or isinstance(p, PackagedPolicy)])]
    )
    await service.load()
    return service


def allowed(service: PolicyService, *words: str, action: str = "read") -> bool:
    policies = service._permissions.policies
    return policies.action_rules("model", action).allows(
        policies.effective_principals(words) | frozenset(words)
    )


async def trail() -> list[tuple[str, str, Any, Any]]:
    return [
        (e.author, e.resource_id, msgspec.json.decode(e.old), msgspec.json.decode(e.new))
        for e in await AuditLog().page(AuditFilter(event="policy.changed"))
    ]


async def test_file_with_another_name_adds_rules(
    service: PolicyService, write: Callable[[str, str], None]
) -> None:
    assert not allowed(service, "user:ann")

    write("ours.csv", "p, model, read, user:ann, allow\n")
    await service.reload_if_changed()

    assert allowed(service, "user:ann")
    assert allowed(service, "everyone")


async def test_file_with_the_same_name_replaces_the_packaged_one(
    service: PolicyService, write: Callable[[str, str], None], directory: Path
) -> None:
    write("models.csv", "p, model, read, user:ann, allow\n")
    await service.reload_if_changed()

    assert allowed(service, "user:ann")
    assert not allowed(service, "everyone")

    (directory / "models.csv").unlink()
    await service.reload_if_changed()

    assert allowed(service, "everyone")


@pytest.mark.case("FT-31")
async def test_invalid_edit_is_rejected_and_the_active_policies_stay(
    service: PolicyService, write: Callable[[str, str], None], directory: Path
) -> None:
    write("ours.csv", "p, model, read, user:ann, allow\n")
    await service.reload_if_changed()
    policies = service._permissions.policies

    write("ours.csv", "p, model, read, user:ann, allow\np, modle, read, user:bob, allow\n")
    await service.reload_if_changed()

    assert service._permissions.policies is policies
    (fault,) = service.rejected
    assert fault.startswith(f"{directory}/ours.csv:2: there is no kind 'modle'")

    write("ours.csv", "p, model, read, user:bob, allow\n")
    await service.reload_if_changed()

    assert service.rejected == ()
    assert allowed(service, "user:bob")


async def test_file_that_just_changed_is_read_later(
    service: PolicyService, directory: Path
) -> None:
    path = directory / "ours.csv"
    path.write_text("p, model, read, everyone, deny\n")
    os.utime(path)

    await service.reload_if_changed()
    assert allowed(service, "everyone")

    os.utime(path, ns=(10**9, 10**9))
    await service.reload_if_changed()
    assert not allowed(service, "everyone")


async def test_reload_keeps_policies_that_are_saved_while_it_reads_older_ones(
    service: PolicyService, monkeypatch: pytest.MonkeyPatch
) -> None:
    await (await opened(None)).save({"ours.csv": "p, model, read, user:ann, allow\n"}, "root")
    read_files = service.builder.read_files

    async def read_slowly() -> list[PolicyFile]:
        files = await read_files()
        await service.save({"ours.csv": "p, model, read, user:bob, allow\n"}, "root")
        return files

    with monkeypatch.context() as patch:
        patch.setattr(service.builder, "read_files", read_slowly)
        await service.reload_if_changed()
    assert allowed(service, "user:bob") and not allowed(service, "user:ann")

    await service.reload_if_changed()
    assert allowed(service, "user:bob") and not allowed(service, "user:ann")


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
@pytest.mark.case("AB-83")
async def test_lockout_of_every_administrator_is_rejected(
    service: PolicyService,
    write: Callable[[str, str], None],
    add_person: AddPerson,
    add_group: AddGroup,
    name: str,
    text: str,
    reason: str,
) -> None:
    root = await add_person("root", role="admin")
    await add_group("crew", root)
    policies = service._permissions.policies

    write(name, text)
    await service.reload_if_changed()

    assert service._permissions.policies is policies
    assert reason in service.rejected[0]


async def test_one_of_two_administrators_may_be_denied(
    service: PolicyService, write: Callable[[str, str], None], add_person: AddPerson
) -> None:
    await add_person("root", role="admin")
    await add_person("boss", role="admin")

    write("ours.csv", "p, office, keep, user:root, deny\n")
    await service.reload_if_changed()

    assert service.rejected == ()


async def test_required_file_cannot_be_emptied(
    database: Database, directory: Path, write: Callable[[str, str], None]
) -> None:
    write("base.csv", "p, *, *, role:pending, deny\np, office, keep, role:admin, deny\n")

    with pytest.raises(InvalidPolicy, match="base.csv:2: it would lock out"):
        await opened(directory)


async def test_missing_directory_is_reported_at_start(database: Database, tmp_path: Path) -> None:
    with pytest.raises(InvalidPolicy, match="No such file"):
        await opened(tmp_path / "nowhere")


async def test_restart_with_invalid_file_uses_the_last_active_policies(
    service: PolicyService, directory: Path, write: Callable[[str, str], None]
) -> None:
    write("ours.csv", "p, model, read, everyone, deny\n")
    await service.reload_if_changed()
    write("ours.csv", "p, model, read, everyone\n")

    restarted = await opened(directory)

    assert not allowed(restarted, "everyone")
    assert "ours.csv:1: 4 fields where 5" in restarted.rejected[0]


async def test_start_reports_lockout_of_remaining_administrators(
    service: PolicyService, add_person: AddPerson, database: Database
) -> None:
    await add_person("root", role="admin")
    await add_person("boss", role="admin")
    await service.save({"ours.csv": "p, office, keep, user:root, deny\n"}, "boss")
    await database.execute("UPDATE portico_account SET role = 'user' WHERE id = 'boss'")

    restarted = await opened(None)

    assert "it would lock out every administrator" in restarted.rejected[0]
    assert not allowed(restarted, "role:pending", "owner")


async def test_rule_for_a_failed_plugin_is_inactive(
    database: Database, directory: Path, write: Callable[[str, str], None]
) -> None:
    write("ours.csv", "p, office, keep, role:user, allow\np, model, read, user:ann, allow\n")
    service = PolicyService(Permissions(), directory)
    service.builder.set_plugin_policies(
        [([MODEL], [PackagedPolicy("portico_policies", "models.csv")])], allow_unknown_kinds=True
    )

    await service.load()

    assert allowed(service, "user:ann")
    assert [rule.kind for rule in service._permissions.policies.inactive] == ["office"]


async def test_saved_file_is_active_here_at_once_and_elsewhere_at_the_next_check(
    service: PolicyService, add_person: AddPerson
) -> None:
    other = await opened(None)
    await service.save({"ours.csv": "p, model, read, user:ann, allow\n"}, "root")

    assert allowed(service, "user:ann")
    assert not allowed(other, "user:ann")
    await other.reload_if_changed()
    assert allowed(other, "user:ann")


@pytest.mark.case("AB-83")
async def test_invalid_file_is_not_saved_and_a_valid_one_can_be_deleted(
    service: PolicyService,
) -> None:
    first = await service.save({"models.csv": ""}, "root")
    assert not allowed(service, "everyone")

    with pytest.raises(InvalidPolicy):
        await service.save({"ours.csv": "p, *, *, *, allow"}, "root")
    assert not allowed(service, "everyone")

    await service.roll_back(0, "root")
    assert allowed(service, "everyone")
    await service.roll_back(first, "root")
    assert not allowed(service, "everyone")
    with pytest.raises(NotFound):
        await service.roll_back(99, "root")


async def test_save_is_rolled_back_with_its_transaction(
    service: PolicyService,
) -> None:
    class Undone(Exception):
        pass

    with pytest.raises(Undone):
        async with transaction():
            await service.save({"models.csv": ""}, "root")
            raise Undone

    assert allowed(service, "everyone")
    assert (await fetch_one("SELECT COUNT(*) AS n FROM portico_policy_version")) == {"n": 0}


async def test_change_is_audited_once_by_all_processes(
    service: PolicyService, write: Callable[[str, str], None], directory: Path
) -> None:
    await service.record_change()
    other = await opened(directory)
    before = len(await trail())

    write("ours.csv", "p, model, read, user:ann, allow\n")
    await service.reload_if_changed()
    await other.reload_if_changed()
    assert len(await trail()) == before + 1
    assert (await trail())[0] == (
        "", "ours.csv", {"ours.csv": None}, {"ours.csv": "p, model, read, user:ann, allow\n"}
    )  # fmt: skip

    with acting_as("root"):
        await service.save({"models.csv": ""}, "root")
    await other.reload_if_changed()
    author, subject, was, became = (await trail())[0]
    assert (author, subject, became) == ("root", "models.csv", {"models.csv": ""})
    assert was["models.csv"].startswith("# Models of the workspace")
    assert len(await trail()) == before + 2


async def test_concurrent_saves_keep_both_files(service: PolicyService) -> None:
    names = [f"page-{number}.csv" for number in range(6)]
    text = "p, model, read, user:ann, allow\n"

    await asyncio.gather(*(service.save({name: text}, "root") for name in names))
    await service.reload_if_changed()

    assert {page.name for page in service.files} >= set(names)
