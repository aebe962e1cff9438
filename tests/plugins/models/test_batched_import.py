"""Import and sync in many short transactions, as the command line does: here each model has its own."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec
import pytest
from tests.plugins.models.conftest import actor, form, plugin_of
from tests.plugins.models.test_importing import models_of, stored

from portico.errors import InvalidRequest
from portico.testing import Client, InProcessApp
from portico_models.fields.schemas import ModelForm
from portico_models.transfer.batches import BatchedModelImport
from portico_models.transfer.options import ImportOptions
from portico_models.transfer.report import ModelImportReport

CREATE = "/api/v1/models/create"


@pytest.fixture(autouse=True)
def _one_model_in_each_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FIRST_BATCH_MODELS", "MIN_BATCH_MODELS", "MAX_BATCH_MODELS", "BATCH_TEMPLATES"):
        monkeypatch.setattr(f"portico_models.transfer.batches.{name}", 1)


def raw(objects: Sequence[Any]) -> list[msgspec.Raw]:
    return [msgspec.Raw(msgspec.json.encode(one)) for one in objects]


def run(
    app: InProcessApp,
    by: Client,
    *models: Any,
    templates: Sequence[Any] = (),
    sync: bool = False,
    beside: Callable[[], Awaitable[object]] | None = None,
) -> tuple[ModelImportReport | InvalidRequest, BatchedModelImport, int]:
    """Import models. `beside`: another writer, which begins while the first model is being written.

    Return the report or the error, the import, and how many models were written when the other writer was done.
    """

    async def work() -> tuple[ModelImportReport | InvalidRequest, BatchedModelImport, int]:
        writing = asyncio.Event()

        def on_step(_: int) -> None:
            if model_import.found:
                writing.set()

        async def write_beside() -> int:
            if beside is not None:
                await writing.wait()
                await beside()
            return model_import.done

        options = ImportOptions(actor=actor(by), replace_all=sync, on_step=on_step)
        model_import = plugin_of(app).new_batched_import(options)
        other = asyncio.create_task(write_beside())
        try:
            report = await model_import.run(raw(models), raw(templates))
        except InvalidRequest as error:
            return error, model_import, await other
        return report, model_import, await other

    result: tuple[ModelImportReport | InvalidRequest, BatchedModelImport, int] = app.run(work)
    return result


def test_another_writer_need_not_wait_for_the_end_of_an_import(
    app: InProcessApp, admin: Client
) -> None:
    assert admin.post(CREATE, form("other")).status == 200
    models = plugin_of(app).models

    async def toggle() -> None:
        await models.toggle(actor(admin), "other")

    report, model_import, done = run(app, admin, *(form(f"m{n}") for n in range(8)), beside=toggle)

    assert isinstance(report, ModelImportReport)
    assert report.created == [f"m{n}" for n in range(8)]
    assert done < model_import.done == 8
    assert stored(admin, "other")["is_active"] is False


def test_import_stops_at_what_another_writer_made_invalid_and_can_be_repeated(
    app: InProcessApp, admin: Client
) -> None:
    models = plugin_of(app).models
    wanted = [form(f"m{n}") for n in range(8)]

    async def take_id() -> None:
        taken = msgspec.json.decode(msgspec.json.encode(form("M7")), type=ModelForm)
        await models.create(actor(admin), taken, None)

    error, model_import, _ = run(app, admin, *wanted, beside=take_id)

    assert isinstance(error, InvalidRequest)
    assert "models[7]" in error.detail
    assert model_import.done == 7
    assert models_of(app) == ["M7", *(f"m{n}" for n in range(7))]

    assert admin.post("/api/v1/models/model/delete", {"id": "M7"}).status == 200
    report, _, _ = run(app, admin, *wanted)
    assert isinstance(report, ModelImportReport)
    assert (report.created, report.unchanged) == (["m7"], [f"m{n}" for n in range(7)])


def test_one_invalid_object_leaves_everything_as_it_was(app: InProcessApp, admin: Client) -> None:
    assert admin.post(CREATE, form("old")).status == 200
    bad = form("bad", params={"temperature": 9})

    for sync in (False, True):
        error, model_import, _ = run(app, admin, form("good"), bad, sync=sync)
        assert isinstance(error, InvalidRequest)
        assert "models[1]" in error.detail
        assert (model_import.found, models_of(app)) == (0, ["old"])
    error, _, _ = run(app, admin, form("good"), templates=[{"name": "Fine"}, {"name": "x" * 129}])
    assert isinstance(error, InvalidRequest)
    assert "templates[1]" in error.detail
    assert models_of(app) == ["old"]


def test_templates_are_imported_with_their_positions(app: InProcessApp, admin: Client) -> None:
    unknown = {"read": {"user_ids": ["absent"]}}
    templates = [{"name": "One"}, {"name": "Two", "access_control": unknown}]

    report, _, _ = run(app, admin, form("m"), templates=templates)

    assert isinstance(report, ModelImportReport)
    assert report.templates is not msgspec.UNSET
    assert len(report.templates) == 2
    assert report.template_notes is not msgspec.UNSET
    assert [note.index for note in report.template_notes] == [1]


def test_presets_are_written_after_those_they_are_based_on(app: InProcessApp, ann: Client) -> None:
    chain = [form("top", base_model_id="middle"), form("middle", base_model_id="low"), form("low")]

    report, _, _ = run(app, ann, *chain)

    assert isinstance(report, ModelImportReport)
    assert report.created == ["top", "middle", "low"]
    assert stored(ann, "top")["base_model_id"] == "middle"

    # Each commit leaves chains that end, although the file turns the chain around.
    turned = [form("low", base_model_id="middle"), form("middle", base_model_id="top"), form("top")]
    report, _, _ = run(app, ann, *turned)
    assert isinstance(report, ModelImportReport)
    assert report.updated == ["low", "middle", "top"]
    bases = [stored(ann, name)["base_model_id"] for name in ("top", "middle", "low")]
    assert bases == ["open-1", "top", "middle"]


def test_sync_deletes_what_is_in_the_way_first_and_the_others_last(
    app: InProcessApp, admin: Client
) -> None:
    assert admin.post(CREATE, form("a")).status == 200
    assert admin.post(CREATE, form("Desk", base_model_id="a")).status == 200
    assert admin.post(CREATE, form("b", base_model_id="a")).status == 200
    assert admin.post(CREATE, form("rest")).status == 200

    report, _, _ = run(app, admin, form("desk"), form("a", base_model_id="b"), sync=True)

    assert isinstance(report, ModelImportReport)
    assert (report.created, report.updated) == (["desk"], ["a"])
    assert report.deleted == ["Desk", "b", "rest"]
    assert models_of(app) == ["a", "desk"]
