"""Checks whether this release may use a database, and applies pending migrations beside running instances."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence

from portico.db import (
    Database,
    MigrationReport,
    SchemaStatus,
    TableSet,
    apply_steps,
    execute,
    fetch_one,
    schema_status,
)
from portico.db.migration_files import Migration
from portico.db.schema_guard import SchemaGuard
from portico.errors import OperatorError
from portico.instances.database_identity import DatabaseIdentity
from portico.instances.registry import InstanceRow, OwnInstance, live_instances
from portico.instances.release import Release, release_of

_TABLE_EXISTS = {
    "sqlite": "SELECT 1 FROM sqlite_master WHERE name = 'portico_instance'",
    "postgres": "SELECT 1 WHERE to_regclass('portico_instance') IS NOT NULL",
}
_TOLERATED = "SELECT tolerated_steps FROM portico_instance WHERE id = $1"
_TOLERATE = "UPDATE portico_instance SET tolerated_steps = $1 WHERE id = $2"


class SchemaRefused(OperatorError):
    """This release may not use the schema, or may not change it now."""


async def bring_up_to_date(
    database: Database,
    sets: Mapping[str, TableSet],
    *,
    migrate: bool = True,
    force: bool = False,
    instance: OwnInstance | None = None,
    identity: DatabaseIdentity | None = None,
    on_step: Callable[[str, str], None] | None = None,
) -> MigrationReport:
    """Apply pending migrations if this release may, and register `instance` as running.

    All of it under one lock, so no instance of an older release starts in between. `force`: ignore steps of a newer
    release and running instances. `identity`: which database is expected. Raises: SchemaRefused, MissingDatabase.
    """
    async with database.migrating():
        with database.use():
            status = await schema_status(database, sets)
            release = release_of(status.known)
            if identity is not None and status.is_empty:
                identity.refuse_empty()
            if not force:
                refuse_unknown(status)
            if status.pending and not migrate:
                raise SchemaRefused(
                    f"the schema is not up to date; run `portico migrate` first: {_as_text(status.pending_names)}"
                )
            if status.pending:
                await _check_running_instances(database, status, release, force=force)
            report = await apply_steps(database, sets, on_step, status)
            if "instances" not in report.failed:
                if identity is not None:
                    await identity.claim()
                if instance is not None:
                    await instance.register(release)
                if not force:
                    who = instance.id if instance is not None else ""
                    database.guard = SchemaGuard(status.known, _TOLERATED, who)
            return report


def unknown_steps(status: SchemaStatus) -> str:
    """Return the steps that a newer release has applied, as text; empty if there are none."""
    return _as_text(status.unknown)


def refuse_unknown(status: SchemaStatus) -> None:
    """Raises: SchemaRefused if a newer release has changed the schema."""
    if status.unknown:
        raise SchemaRefused(
            f"a newer release has changed the schema; this one does not know: {unknown_steps(status)}. Start the newer "
            "release, or restore a backup from before it. --force ignores this and may lose data."
        )


def unsafe_steps(
    pending: Mapping[str, Sequence[Migration]],
    instance: InstanceRow,
    formerly: Mapping[str, Sequence[str]] | None = None,
) -> dict[str, list[str]]:
    """Return the pending steps that may not be applied while this instance runs, by owner.

    A step that the instance knows is safe, and so is one of an owner that it does not have. Any other step declares the
    newest step that an instance must know. `formerly`: earlier names of owners, which an older instance may use.
    """
    unsafe: dict[str, list[str]] = {}
    for owner, steps in pending.items():
        names = (owner, *(formerly or {}).get(owner, ()))
        known = [instance.newest_steps[name] for name in names if name in instance.newest_steps]
        if not known:
            continue
        newest = max(known)
        if harmful := [s.name for s in steps if s.name > newest and not _is_safe(s, newest)]:
            unsafe[owner] = harmful
    return unsafe


def _is_safe(step: Migration, newest: str) -> bool:
    """Return whether a step may be applied beside an instance whose newest step of the same owner is `newest`."""
    if step.safe_beside == "previous":
        return int(newest[:4]) >= int(step.name[:4]) - 1
    return bool(step.safe_beside) and newest >= step.safe_beside


async def _check_running_instances(
    database: Database, status: SchemaStatus, release: Release, *, force: bool
) -> None:
    """Check that the pending steps are safe beside all running instances, and record that. Raises: SchemaRefused."""
    if not await database.rows(_TABLE_EXISTS[database.dialect]):
        return  # the database has no table of instances yet
    others = [one for one in await live_instances(migrated=False) if one.release != release.id]
    unsafe = {
        one.id: steps
        for one in others
        if (steps := unsafe_steps(status.pending, one, status.formerly))
    }
    if unsafe and not force:
        listed = _as_text(_merged(unsafe.values()))
        raise SchemaRefused(
            "\n".join(
                [
                    f"an instance of another release is running, and these steps are not safe beside it: {listed}",
                    *(str(one) for one in others if one.id in unsafe),
                    "Stop it first. --force ignores this, and that instance stops serving.",
                ]
            )
        )
    for one in others:
        if one.id not in unsafe:
            await _tolerate(one.id, status.pending_names)


async def _tolerate(instance_id: str, steps: Mapping[str, Sequence[str]]) -> None:
    """Record that an instance tolerates these steps."""
    found = await fetch_one(_TOLERATED, instance_id)
    tolerated: dict[str, list[str]] = json.loads(found["tolerated_steps"]) if found else {}
    for owner, names in steps.items():
        tolerated[owner] = sorted({*tolerated.get(owner, []), *names})
    await execute(_TOLERATE, json.dumps(tolerated), instance_id)


def _merged(parts: Iterable[Mapping[str, Sequence[str]]]) -> dict[str, list[str]]:
    merged: dict[str, list[str]] = {}
    for part in parts:
        for owner, names in part.items():
            merged[owner] = sorted({*merged.get(owner, []), *names})
    return merged


def _as_text(steps: Mapping[str, Sequence[str]]) -> str:
    return ", ".join(f"{owner} {name}" for owner in steps for name in steps[owner])
