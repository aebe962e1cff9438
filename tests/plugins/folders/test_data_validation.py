"""`data` and `meta`: open objects, stored as they are sent."""

import json
from typing import Any

import pytest
from tests.one_database import on_sqlite
from tests.plugins.folders.conftest import FOLDERS, new_folder, stored

from portico.testing import Client, InProcessApp


def test_documents_keep_bytes_below_top_level(ann: Client) -> None:
    parts = '"a":{"x":  1.50,"é":"\\u00e9 \\ud83e\\udd9c \\\\u0000"},"b":[1 ,2E5],"c":100000000000000000000'

    answer = ann.post(
        FOLDERS, body=f'{{"name":"N","data":{{{parts}}},"meta":{{{parts}}}}}'.encode()
    )

    assert answer.status == 200
    for field in ("data", "meta"):
        assert f'"{field}":{{{parts}}}'.encode() in answer.body
        assert f'"{field}":{{{parts}}}'.encode() in ann.get(FOLDERS + answer.json["id"]).body
    changed = ann.post(f"{FOLDERS}{answer.json['id']}/update", {"data": {"d": 1}})
    assert f'"data":{{{parts},"d":1}}'.encode() in changed.body


def test_update_replaces_given_keys_and_keeps_others(ann: Client) -> None:
    path = f"{FOLDERS}{new_folder(ann, data={'a': {'b': 1}, 'c': 2}, meta={'icon': 'x', 'd': 3})}"

    changed = ann.post(
        f"{path}/update",
        {"data": {"a": {"e": 4}, "system_prompt": "Hi"}, "meta": {"icon": None, "f": []}},
    ).json

    assert changed["data"] == {"a": {"e": 4}, "c": 2, "system_prompt": "Hi"}
    assert changed["meta"] == {"icon": None, "d": 3, "f": []}
    assert ann.get(path).json == changed
    assert ann.get(FOLDERS).json[0]["meta"] == {"icon": None}


@pytest.mark.parametrize("nothing", [{}, {"data": None, "meta": None}, {"data": {}, "meta": {}}])
def test_missing_values_stay_unchanged(ann: Client, nothing: Any) -> None:
    path = f"{FOLDERS}{new_folder(ann, data={'a': 1}, meta={'icon': 'x'})}"
    changed = ann.post(f"{path}/update", nothing).json
    assert (changed["data"], changed["meta"]) == ({"a": 1}, {"icon": "x"})


def test_folder_without_documents_is_accepted(ann: Client) -> None:
    none = ann.get(FOLDERS + new_folder(ann, "None")).json
    assert (none["data"], none["meta"]) == (None, None)
    empty = ann.get(FOLDERS + new_folder(ann, "Empty", data={}, meta={})).json
    assert (empty["data"], empty["meta"]) == ({}, {})
    later = ann.post(f"{FOLDERS}{none['id']}/update", {"meta": {"icon": "x"}}).json
    assert (later["data"], later["meta"]) == (None, {"icon": "x"})


def test_files_and_models_are_stored_unchanged(ann: Client) -> None:
    data = {
        "system_prompt": None,
        "files": [{"id": "gone", "type": "file", "meta": {"deep": [1]}}, {}],
        "model_ids": ["a", "not-there"],
    }
    assert ann.get(FOLDERS + new_folder(ann, data=data)).json["data"] == data


@on_sqlite
@pytest.mark.parametrize(
    ("documents", "loc"),
    [
        ({"data": 5}, ["data"]), ({"data": []}, ["data"]), ({"data": "x"}, ["data"]), ({"meta": True}, ["meta"]),
        ({"data": {"system_prompt": 5}}, ["data", "system_prompt"]),
        ({"data": {"system_prompt": {}}}, ["data", "system_prompt"]),
        ({"data": {"files": {}}}, ["data", "files"]), ({"data": {"files": ["x"]}}, ["data", "files", 0]),
        ({"data": {"model_ids": "m"}}, ["data", "model_ids"]),
        ({"data": {"model_ids": ["m", 1]}}, ["data", "model_ids", 1]),
        ({"meta": {"icon": {}}}, ["meta", "icon"]), ({"meta": {"icon": 5}}, ["meta", "icon"]),
    ],
)  # fmt: skip
@pytest.mark.case("AB-58")
def test_invalid_document_is_422_with_location(
    app: InProcessApp, ann: Client, documents: Any, loc: list[Any]
) -> None:
    folder_id = new_folder(ann, "Kept", data={"a": 1})
    before = stored(app)

    for path in ("", f"{folder_id}/update"):
        answer = ann.post(FOLDERS + path, {"name": "Other", **documents})
        assert (answer.status, answer.detail[0]["loc"]) == (422, ["body", *loc])

    assert stored(app) == before
    assert len(ann.get(FOLDERS).json) == 1


@pytest.mark.parametrize(
    "value",
    [b'{"a":"\xff"}', b'{"a":NaN}', b'{"a":[1,]}', b'{"a":' + b"[" * 200 + b"]" * 200 + b"}"],
)  # fmt: skip
@pytest.mark.case("AB-58")
def test_unreadable_json_is_refused(app: InProcessApp, ann: Client, value: bytes) -> None:
    folder_id = new_folder(ann)
    before = stored(app)
    for field in (b"data", b"meta"):
        body = b'{"name":"Other","' + field + b'":' + value + b"}"
        for path in ("", f"{folder_id}/update"):
            assert ann.post(FOLDERS + path, body=body).status == 422
    assert stored(app) == before


@pytest.mark.case("AB-69")
def test_duplicate_key_is_checked_and_stored_consistently(
    ann: Client,
) -> None:
    body = b'{"name":"N","data":{"system_prompt":5,"system_prompt":"last"}}'
    answer = ann.post(FOLDERS, body=body)
    assert answer.status == 200
    assert answer.body.count(b"system_prompt") == 1
    assert answer.json["data"] == {"system_prompt": "last"}


@pytest.mark.case("AB-58")
def test_document_size_is_limited_across_updates(app: InProcessApp, ann: Client) -> None:
    half = "x" * (3 * 1024 * 1024)
    folder_id = new_folder(ann, data={"a": half}, meta={"a": half})
    before = stored(app)

    for field in ("data", "meta"):
        answer = ann.post(f"{FOLDERS}{folder_id}/update", {field: {"b": half}})
        assert (answer.status, answer.detail) == (413, f"[ERROR: {field}: at most 4194304 bytes]")
        whole = ann.post(FOLDERS, {"name": "Other", field: {"a": half, "b": half}})
        assert whole.status == 413

    assert stored(app) == before
    assert len(ann.get(FOLDERS).body) < 1000


@pytest.mark.case("AB-58")
def test_icon_length_is_limited(app: InProcessApp, ann: Client) -> None:
    folder_id = new_folder(ann, meta={"icon": "x" * 256})
    before = stored(app)
    answer = ann.post(f"{FOLDERS}{folder_id}/update", {"meta": {"icon": "x" * 257}})
    assert (answer.status, answer.detail) == (400, "[ERROR: meta.icon has at most 256 characters]")
    assert stored(app) == before


def test_damaged_stored_text_is_treated_as_empty(app: InProcessApp, ann: Client) -> None:
    folder_id = new_folder(ann)
    execute = app.portico.database.execute
    app.run(execute, "UPDATE folders_folder SET data = '[', meta = '5'")
    changed = ann.post(f"{FOLDERS}{folder_id}/update", {"data": {"a": 1}, "meta": {"icon": "x"}})
    assert changed.status == 200
    assert json.loads(changed.body)["data"] == {"a": 1}


def test_old_invalid_values_survive_other_updates(app: InProcessApp, ann: Client) -> None:
    folder_id, long = new_folder(ann), "n" * 400
    data, meta = {"files": {"a": 1}, "big": "x" * 4_200_000}, {"icon": "i" * 400}
    keep = "UPDATE folders_folder SET name = $2, data = $3, meta = $4 WHERE id = $1"
    app.run(app.portico.database.execute, keep, folder_id, long, json.dumps(data), json.dumps(meta))
    path = f"{FOLDERS}{folder_id}/update"

    icon = {"icon": "i" * 400}
    form = {"name": long, "data": {"files": {"a": 1}}, "meta": icon}
    answer = ann.post(path, form)
    assert (answer.status, answer.json["name"], answer.json["data"]) == (200, long, data)
    assert ann.post(f"{path}/expanded", {"is_expanded": True}).status == 200
    for change in ({"name": long + "n"}, {"meta": {"icon": "j" * 400}}):
        assert ann.post(path, change).status == 400
    assert ann.post(path, {"data": {"files": {"b": 1}}}).status == 422
    assert ann.post(path, {"name": "Short"}).json["name"] == "Short"
