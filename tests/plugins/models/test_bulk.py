"""Writing many records at once, as imports and syncs do."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.plugins.models.conftest import plugin_of

from portico.db import ForeignKeyViolation, UniqueViolation, transaction
from portico.testing import Client, InProcessApp
from portico_models.records.draft import ModelDraft
from portico_models.records.writer import ModelWriter

Run = Callable[..., Any]


def draft(model_id: str, **changes: Any) -> ModelDraft:
    values = {"name": model_id, "base_model_id": "open-1", "is_active": True, "meta": "{}"}
    tags = {"lex": "Lex", "tax": "TAX"}
    return ModelDraft(**{"id": model_id, "params": "{}", "tags": tags} | values | changes)


@pytest.fixture
def writer(app: InProcessApp) -> ModelWriter:
    return plugin_of(app).writer


@pytest.fixture
def run(app: InProcessApp, writer: ModelWriter) -> Run:
    """Call a method in its own transaction."""

    def call(method: str, *args: Any, **options: Any) -> Any:
        async def work() -> Any:
            async with transaction():
                await writer.begin_change()
                return await getattr(writer, method)(*args, by="root", at=60, **options)

        return app.run(work)

    return call


def table(app: InProcessApp, name: str, order: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = app.run(
        app.portico.database.rows, f"SELECT * FROM {name} ORDER BY {order}"
    )
    return found


@pytest.mark.both_databases
def test_bulk_writes_keep_tags_and_versions(app: InProcessApp, admin: Client, run: Run) -> None:
    owner, ids = admin.account["id"], [f"m{number:03}" for number in range(250)]

    run("insert_many", [draft(one) for one in ids], owner, created_at={"m007": 7})
    assert len(table(app, "models_tag", "name")) == 500
    created = {one["id"]: one["created_at"] for one in table(app, "models_model", "id")}
    assert (len(created), created["m007"], created["m008"]) == (250, 7, 60)

    deleted = draft("absent")
    changed = [draft(one, name="New", tags={}) for one in ids]
    assert sorted(run("update_many", [*changed, deleted], created_at={"m008": 8})) == ids
    found = {one["id"]: one for one in table(app, "models_model", "id")}
    assert {one["name"] for one in found.values()} == {"New"}
    assert (found["m007"]["created_at"], found["m008"]["created_at"]) == (7, 8)
    assert {one["user_id"] for one in found.values()} == {owner}
    assert table(app, "models_tag", "name") == []

    assert sorted(run("delete_many", [*ids, "absent"])) == ids
    assert table(app, "models_model", "id") == []
    history = table(app, "models_version", "model_id, number")
    assert [one["change"] for one in history[:3]] == ["created", "updated", "deleted"]
    assert [one["number"] for one in history[:3]] == [1, 2, 3]
    assert len(history) == 750


def test_insert_many_inserts_nothing_if_one_id_is_taken(
    app: InProcessApp, admin: Client, run: Run
) -> None:
    owner = admin.account["id"]
    run("insert", draft("Taken"), owner)

    with pytest.raises(UniqueViolation):
        run("insert_many", [draft("free"), draft("taken")], owner)

    assert [one["id"] for one in table(app, "models_model", "id")] == ["Taken"]


def test_insert_for_a_missing_account_fails(app: InProcessApp, admin: Client, run: Run) -> None:
    with pytest.raises(ForeignKeyViolation):
        run("insert", draft("m"), "absent")

    assert table(app, "models_version", "number") == []
