"""Every export format can be imported, over HTTP and on the command line."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.plugins.models.conftest import form

from portico.testing import Client, CommandLine

IMPORT = "/api/v1/models/import"
ONE, TWO = (json.dumps(form(name, name="Ä")).encode() for name in ("one", "two"))
BOM = b"\xef\xbb\xbf"
GOOD = {
    "a list": b"[%b,%b]" % (ONE, TWO),
    "an object that holds one": b'{"models":[%b,%b]}' % (ONE, TWO),
    "an object with a version": b'{"version":2,"x":[1],"models":[%b,%b],"templates":[]}' % (ONE, TWO),
    "joined lists": b"[%b]\n[%b]" % (ONE, TWO),
    "joined objects": b'{"models":[%b]}{"models":[%b]}' % (ONE, TWO),
    "lines": b"%b\n%b\n" % (ONE, TWO),
    "lines with blanks": b"\n %b \r\n\n%b" % (ONE, TWO),
    "a mark": BOM + b"[%b,%b]" % (ONE, TWO),
    "marks before each": BOM + b"[%b]" % ONE + BOM + b"[%b]" % TWO,
}  # fmt: skip
BAD = {
    "something behind": b"[%b,%b] oops" % (ONE, TWO),
    "a bracket too many": b"[%b,%b]]" % (ONE, TWO),
    "a bracket too few": b"[%b,%b" % (ONE, TWO),
    "a number behind": b"[%b,%b] 5" % (ONE, TWO),
    "half a line": b"%b\n%b" % (ONE, TWO[:-10]),
    "nothing": b"",
    "another object": b'{"version":0,"ui":{"enable_signup":true}}',
    "no UTF-8": b'[%b,{"id":"\xff"}]' % ONE,
}  # fmt: skip


@pytest.mark.parametrize("body", GOOD.values(), ids=GOOD)
def test_import_over_http_reads_every_format(admin: Client, body: bytes) -> None:
    assert admin.post(IMPORT, body=body).json is True

    listed = admin.get("/api/v1/models/export").json
    assert sorted(one["id"] for one in listed) == ["one", "two"]
    assert {one["name"] for one in listed} == {"Ä"}


def test_import_reads_a_single_model(admin: Client) -> None:
    assert admin.post(IMPORT, body=ONE).json is True
    assert admin.get("/api/v1/models/model?id=one").json["name"] == "Ä"
    assert admin.post("/api/v1/models/sync", body=BOM + TWO).json[0]["id"] == "two"
    assert admin.get("/api/v1/models/model?id=one").status == 404


@pytest.mark.parametrize("body", BAD.values(), ids=BAD)
def test_import_of_a_truncated_or_foreign_file_writes_nothing(admin: Client, body: bytes) -> None:
    for path in (IMPORT, "/api/v1/models/sync"):
        answer = admin.post(path, body=body)
        assert (answer.status, bool(answer.detail[0]["msg"])) == (422, True)
    assert admin.get("/api/v1/models/list").json["total"] == 0


def test_import_reads_columns_exported_as_text_and_numbers(admin: Client) -> None:
    row = form("row") | {
        "params": '{"top_k": 5}',
        "meta": '{"description": "From a row"}',
        "access_control": "{}",
        "is_active": 0,
        "created_at": 1700000000.5,
    }
    assert admin.post(IMPORT, [row]).json is True

    found = admin.get("/api/v1/models/model?id=row").json
    assert (found["params"], found["meta"]["description"]) == ({"top_k": 5}, "From a row")
    assert (found["access_control"], found["is_active"]) == ({}, False)
    assert found["created_at"] == 1_700_000_000


@pytest.mark.parametrize("rights", ["null", "true", "", "public"])
def test_import_rejects_access_fields_in_invalid_text(admin: Client, rights: str) -> None:
    assert admin.post(IMPORT, [form(access_control=rights)]).status == 422
    assert admin.get("/api/v1/models/model?id=legal-desk").status == 404


@pytest.fixture
def as_root(cli: CommandLine, tmp_path: Path) -> Callable[..., Any]:
    """`portico model` with a file, on an instance with one administrator."""
    cli("user", "add", "root@example.org", "--password-stdin", stdin="long enough\n")

    def run(command: str, content: bytes, *options: str, code: int = 0) -> Any:
        (tmp_path / "file.json").write_bytes(content)
        return cli("model", command, "file.json", *options, code=code)

    return run


def test_command_line_import_reads_every_format(
    cli: CommandLine, as_root: Callable[..., Any]
) -> None:
    said = as_root("import", BAD["something behind"], code=1).stderr
    assert "unexpected text at byte" in said and "Traceback" not in said

    as_root("import", BOM + GOOD["joined lists"])

    listed = json.loads(cli("model", "list", "--json").stdout)
    assert [one["id"] for one in listed] == ["one", "two"]


def test_command_line_import_prints_notes(cli: CommandLine, as_root: Callable[..., Any]) -> None:
    grants = [{"principal_type": "group", "principal_id": "no-group", "permission": "read"}]
    model = form("one", access_grants=grants, meta={"profile_image_url": "user.png"})
    del model["access_control"]
    content = json.dumps([model, {"name": "no id"}]).encode()

    assert "no-group" in as_root("import", content, "--strict", code=1).stderr
    done = as_root("import", content)

    for expected in ("group no-group", "profile_image_url", "models[1]"):
        assert expected in done.stderr
    report = json.loads(as_root("import", content, "--json").stdout)
    assert [note["index"] for note in report["notes"]] == [0, 0, 1]
    exported = json.loads(cli("model", "export").stdout)
    assert [one["access_control"] for one in exported] == [{}]
