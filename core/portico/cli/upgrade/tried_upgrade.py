"""Applies the pending migrations to a copy of the database, and finds out what they do."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from portico.cli.upgrade.schema_difference import SchemaContent, changed, read_content, unreadable
from portico.cli.upgrade.whole_copy import MakeBar, whole_copy
from portico.db import Database, SchemaStatus, apply_steps, schema_status
from portico.instances import InstanceRow, live_instances, unknown_steps
from portico.instances.schema import unsafe_steps

if TYPE_CHECKING:
    from portico.boot import Application

_APPLIED: Final = "SELECT plugin, MAX(name) AS name FROM portico_migration GROUP BY plugin"
#: Names that a sentence lists.
MAX_LISTED: Final = 20


class TriedStep(msgspec.Struct, frozen=True):
    """One migration on the copy. Unit: `seconds`, of its time."""

    owner: str
    name: str
    seconds: float


class TriedUpgrade(msgspec.Struct, kw_only=True):
    """What an upgrade would do. `works`: whether all migrations were applied and nothing is wrong afterwards.

    Units: `seconds` of all migrations; `rows` of all tables before.
    """

    works: bool = True
    summary: str = ""
    steps: list[TriedStep] = []
    seconds: float = 0.0
    rows: int = 0
    changes: list[str] = []
    compatibility: list[str] = []
    faults: list[str] = []
    notes: list[str] = []


async def try_upgrade(
    application: "Application", data_dir: Path, make_bar: MakeBar
) -> TriedUpgrade:
    """Copy the database, migrate the copy, and return what was found. Raises: OperatorError, Unavailable."""
    found = TriedUpgrade(steps=[], changes=[], compatibility=[], faults=[], notes=[])
    for record in application.registry.failed:
        found.notes.append(
            f"the migrations of plugin {record.name!r} were not tried, since it has failed: {record.reason}"
        )
    async with whole_copy(application.settings, data_dir, make_bar, found.notes) as copy:
        with copy.use():
            await _try(application, copy, make_bar, found)
    found.works = not found.faults
    found.summary = _summary(found)
    return found


async def _try(
    application: "Application", copy: Database, make_bar: MakeBar, found: TriedUpgrade
) -> None:
    status = await schema_status(copy, application.table_sets)
    if status.unknown:
        found.faults.append(
            f"a newer release has changed the schema; this one does not know: {unknown_steps(status)}"
        )
        return
    found.faults += status.unreadable.values()
    if status.is_empty:
        found.notes.append("the database is empty")
    elif not status.pending:
        return
    last = {row["plugin"]: row["name"] for row in await copy.rows(_APPLIED)} if not status.is_empty else {}  # fmt: skip
    before = await read_content(copy)
    found.rows = sum(before.rows.values())
    running = await _running(copy)
    await _apply(application, copy, status, make_bar, found)
    after = await read_content(copy)
    found.changes += changed(before, after)
    if not status.is_empty:
        found.compatibility += _compatibility(status, last, running, before, after)


async def _apply(
    application: "Application",
    copy: Database,
    status: SchemaStatus,
    make_bar: MakeBar,
    found: TriedUpgrade,
) -> None:
    """Apply the pending migrations, and measure the time of each."""
    begun: list[tuple[str, str, float]] = []
    count = sum(map(len, status.pending.values()))
    with make_bar("Migrating", count or 1) as bar:

        def on_step(owner: str, name: str) -> None:
            begun.append((owner, name, time.monotonic()))
            bar.update(1)

        report = await apply_steps(copy, application.table_sets, on_step, status)
        end = time.monotonic()
    ends = [at for _, _, at in begun[1:]] + [end]
    found.steps += [
        TriedStep(owner, name, round(until - at, 3))
        for (owner, name, at), until in zip(begun, ends, strict=True)
    ]
    found.seconds = round(end - begun[0][2], 3) if begun else 0.0
    found.faults += [f"the migration of {owner!r} fails: {why}" for owner, why in report.failed.items()]  # fmt: skip


async def _running(copy: Database) -> list[InstanceRow]:
    """Return the instances that ran when the copy was made."""
    try:
        return await live_instances(migrated=False)
    except Exception:  # noqa: BLE001 - the table does not exist yet, or is of an earlier release
        return []


def _compatibility(
    status: SchemaStatus,
    last: Mapping[str, str],
    running: Sequence[InstanceRow],
    before: SchemaContent,
    after: SchemaContent,
) -> list[str]:
    """Return in sentences whether the release that ran last works with the new schema."""
    former = InstanceRow("", "", "", "", 0, 0, last)
    unsafe = unsafe_steps(status.pending, former, status.formerly)
    sentences = []
    if not unsafe:
        sentences.append(
            "Instances of the release that ran last may continue to run beside this one, and read all they need."
        )
    else:
        steps = ", ".join(f"{owner} {name}" for owner, names in unsafe.items() for name in names)
        sentences.append(
            f"Stop all instances of the release that ran last first: it does not work with {steps}."
        )
        if gone := unreadable(before, after):
            more = f" and {len(gone) - MAX_LISTED} more" if len(gone) > MAX_LISTED else ""
            sentences.append(f"It finds these no more: {', '.join(gone[:MAX_LISTED])}{more}.")
    sentences += [
        f"Running now: {one}."
        for one in running
        if unsafe_steps(status.pending, one, status.formerly)
    ]
    sentences.append(
        "After the upgrade the earlier release does not start any more; to return to it, restore a backup from before."
    )
    return sentences


def _summary(found: TriedUpgrade) -> str:
    if found.faults:
        return "The upgrade does not work. Nothing was changed."
    if not found.steps:
        return "The schema is up to date: an upgrade to this release changes nothing."
    count = "1 migration" if len(found.steps) == 1 else f"{len(found.steps)} migrations"
    return f"The upgrade works: {count} in {found.seconds:.1f} s, with {found.rows} rows."
