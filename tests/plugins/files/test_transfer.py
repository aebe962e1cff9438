"""Files that move in and out with a whole instance."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.plugins.files.uploads import FILES, PNG, contents, rows, upload, wait_until_settled
from tests.record_transfer import (
    export_records,
    import_records,
    import_run,
    kind_of,
    notes_of,
    states,
)

from portico.api.db import execute
from portico.api.transfer import ExportScope
from portico.testing import Client, InProcessApp

pytestmark = pytest.mark.both_databases
DAY = 1_700_000_000


def record(file_id: str, owner: str = "a", **changes: Any) -> dict[str, Any]:
    return {"id": file_id, "user_id": owner, "filename": "notes.txt", "created_at": DAY} | changes


def export_contents(app: InProcessApp, owner: Client) -> dict[str, bytes]:
    async def work() -> dict[str, bytes]:
        found = kind_of(app, "files").export_files(ExportScope(owner.account["id"]))
        return {name: b"".join([one async for one in blocks]) async for name, blocks in found}

    return dict(app.run(work))


def check_round_trip(app: InProcessApp, ann: Client, bob: Client) -> tuple[list[str], bytes]:
    """Export files, delete them, import them. Returns their ids."""
    large = bytes(range(256)) * 8192
    ids = [
        upload(ann, name, content, metadata='{"x": 1}')["id"]
        for name, content in (("a.txt", b"Hi"), ("b.png", PNG), ("c.bin", large), ("d.txt", b""))
    ]
    upload(bob, "bob.txt", b"Bob's")
    answer = ann.post(f"{FILES}{ids[2]}/data/content/update", {"content": "A text"})
    assert answer.status == 200
    before = {one: ann.get(f"{FILES}{one}").json for one in ids}
    records, files = export_records(app, "files", ann), export_contents(app, ann)
    assert sorted(files) == sorted(ids) and files[ids[2]] == large
    assert len(export_records(app, "files")) == 5
    run = import_run({ann.account["id"]: ann}, files=files)
    assert states(import_records(app, "files", records, run)) == ["unchanged"] * 4
    for one in ids:
        assert ann.delete(f"{FILES}{one}").status == 200
    dry = import_run({ann.account["id"]: ann}, files=files, dry_run=True)
    assert states(import_records(app, "files", records, dry)) == ["imported"] * 4
    assert ann.get(FILES).json == []
    assert states(import_records(app, "files", records, run)) == ["imported"] * 4
    assert {one: ann.get(f"{FILES}{one}").json for one in ids} == before
    assert export_records(app, "files", ann) == records
    return ids, large


def test_files_keep_content_and_data(
    app: InProcessApp, ann: Client, bob: Client, directory: Path
) -> None:
    ids, large = check_round_trip(app, ann, bob)
    assert ann.get(f"{FILES}{ids[2]}/content").body == large
    wait_until_settled(app, directory)


def test_files_that_cannot_be_taken_leave_nothing(
    app: InProcessApp, ann: Client, bob: Client, directory: Path
) -> None:
    taken = upload(bob, "bob.txt", b"Bob's")["id"]
    files: Mapping[str, bytes] = {"f1": b"Hi", "up/f2.pdf": b"%PDF-1.7 \x00", taken: b"x"}
    files = {**files, "../../etc": b"x", "f3": b"x", "f4": b"no picture", "f6": b"x"}
    records = [
        record("f1", meta={"size": 2, "data": [1]}, access_control={"read": {"user_ids": ["b"]}}),
        record("f2", path="up/f2.pdf", data={"status": "completed", "content": "Text\x00"}),
        record(taken),
        record("../../etc"),
        record("f3", digest="0" * 64),
        record("f4", filename="a.png"),
        record("f5"),
        record("f6", "gone"),
        record("f6", filename="../x/y.txt", meta={"size": 5}),
    ]
    run = import_run({"a": ann}, files=files)
    # What a killed import has left.
    app.run(
        execute,
        "INSERT INTO files_loose_object (id, instance_id, created_at) VALUES ($1, $2, 1)",
        "f1",
        "dead",
    )
    (directory / "f1").mkdir(parents=True, exist_ok=True)
    (directory / "f1" / "f1").write_bytes(b"half")
    outcomes = import_records(app, "files", records[:-1], run)
    assert states(outcomes) == [
        *("imported", "imported", "skipped", "rejected", "rejected", "rejected"),
        *("skipped", "skipped"),
    ]
    (last,) = import_records(app, "files", records[-1:], run)
    assert last[1] == "imported" and "has 1 bytes, and not 5" in last[2]
    assert {row["id"]: row["filename"] for row in rows(app)} == {
        taken: "bob.txt", "f1": "notes.txt", "f2": "notes.txt", "f6": "y.txt",
    }  # fmt: skip
    assert ann.get(f"{FILES}f2/data/content").json["content"] == "Text"
    assert contents(directory)["f1"] == b"Hi"
    assert list(notes_of(run).values()) == [1]
    wait_until_settled(app, directory)
