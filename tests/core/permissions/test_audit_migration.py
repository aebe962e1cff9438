"""The migration of the audit log to the present names of columns and events."""

from importlib import resources

import pytest

from portico.audit import AuditFilter, AuditLog
from portico.db import Database

pytestmark = pytest.mark.anyio
COLUMNS = {
    "event": "what",
    "resource_kind": "subject_kind",
    "resource_id": "subject_id",
    "old": "was",
    "new": "became",
}
EVENTS = [
    ("sign_in.ended", "account", "session.ended", "account"),
    ("sign_in.all_ended", "account", "session.all_ended", "account"),
    ("secret.adopted", "secret", "secret_key.replaced", "secret_key"),
    ("secret.rotated", "secret", "encryption_key.rotated", "encryption_key"),
    ("grants.changed", "model", "grant.changed", "model"),
    ("settings.changed", "setting", "setting.changed", "settings"),
    (
        "permissions.changed",
        "permission",
        "default_permissions.changed",
        "default_permissions",
    ),
    ("key.created", "key", "api_key.created", "api_key"),
    ("key.changed", "key", "api_key.changed", "api_key"),
    ("key.revoked", "key", "api_key.revoked", "api_key"),
    ("role.changed", "account", "role.changed", "account"),
    ("thing.counted", "key", "thing.counted", "key"),
]


async def test_migration_keeps_every_entry_under_the_present_names(database: Database) -> None:
    for present, former in COLUMNS.items():
        await database.execute(f"ALTER TABLE portico_audit RENAME COLUMN {present} TO {former}")
    for number, (event, kind, _, _) in enumerate(EVENTS):
        await database.execute(
            "INSERT INTO portico_audit (at, author, what, subject_kind, subject_id, was, became) "
            "VALUES ($1, 'ada', $2, $3, $4, '1', NULL)",
            number,
            event,
            kind,
            f"id-{number}",
        )

    file = resources.files("portico.audit.migrations").joinpath("0002_audit_words.sql")
    async with database.transaction():
        await database.script(file.read_text())

    entries = (await AuditLog().page(AuditFilter()))[::-1]
    assert [(one.event, one.resource_kind) for one in entries] == [
        (event, kind) for _, _, event, kind in EVENTS
    ]
    assert [(one.at, one.author, one.resource_id) for one in entries] == [
        (number, "ada", f"id-{number}") for number in range(len(EVENTS))
    ]
    assert {(bytes(one.old), bytes(one.new)) for one in entries} == {(b"1", b"null")}
