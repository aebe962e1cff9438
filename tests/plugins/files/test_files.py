"""Files are uploaded, listed, read and deleted by those who may."""

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.error_details import NOT_FOUND
from tests.plugins.files.uploads import (
    FILES,
    PNG,
    contents,
    rows,
    send,
    upload,
    wait_until_settled,
)

from portico.boot import Application
from portico.testing import Client, InProcessApp

TEXT = "Grüße\n".encode() * 300_000  # over two blocks


def test_file_is_stored_and_read_back(
    app: InProcessApp, admin: Client, ann: Client, directory: Path
) -> None:
    made = upload(ann, "Notes ü.txt", TEXT, metadata='{"language":"de"}')
    assert made == {
        "status": True,
        "id": made["id"],
        "user_id": ann.account["id"],
        "hash": hashlib.sha256(TEXT).hexdigest(),
        "filename": "Notes ü.txt",
        "data": {"status": "completed"},
        "meta": {
            "name": "Notes ü.txt",
            "content_type": "text/plain",
            "size": len(TEXT),
            "data": {"language": "de"},
        },
        "access_control": None,
        "created_at": made["created_at"],
        "updated_at": made["created_at"],
    }
    assert contents(directory) == {made["id"]: TEXT}
    path = FILES + made["id"]
    answer = ann.get(f"{path}/content")
    assert (answer.status, answer.body) == (200, TEXT)
    assert (
        ann.get(f"{path}/content", headers={"if-none-match": answer.headers["etag"]}).status == 304
    )
    part = ann.get(f"{path}/content", headers={"range": "bytes=-7"})
    assert (part.status, part.body) == (206, TEXT[-7:])
    size = len(TEXT)
    assert part.headers["content-range"] == f"bytes {size - 7}-{size - 1}/{size}"
    assert ann.get(f"{path}/content", headers={"range": f"bytes={size}-"}).status == 416
    old = {"range": "bytes=0-0", "if-range": '"other"'}
    assert ann.get(f"{path}/content", headers=old).status == 200

    shown = ann.get(path).json["data"]["content"]
    assert TEXT.decode().startswith(shown) and len(shown.encode()) > 1_000_000
    assert ann.get(f"{path}/process/status").json == {"status": "completed"}
    assert ann.get(f"{path}/process/status?stream=true").events == ['{"status":"completed"}']
    changed = ann.post(f"{path}/data/content/update", {"content": "Other"})
    assert changed.json == ann.get(f"{path}/data/content").json == {"content": "Other"}
    assert ann.get(f"{path}/content").body == TEXT

    second = upload(ann, "a_b.csv", b"a;b", query="?process=false")
    assert (second["data"], "status" in second) == ({}, False)
    assert {one["filename"] for one in ann.get(FILES).json} == {"a_b.csv", "Notes ü.txt"}
    assert [one["id"] for one in ann.get(f"{FILES}search?filename=NOTES*").json] == [made["id"]]
    assert [one["id"] for one in ann.get(f"{FILES}search?filename=a_?.csv").json] == [second["id"]]
    for pattern in ("a%25", "A__*", "notes"):
        assert ann.get(f"{FILES}search?filename={pattern}").status == 404

    assert ann.delete(path).json == {"message": "File deleted successfully"}
    wait_until_settled(app, directory)
    assert set(contents(directory)) == {second["id"]}
    assert ann.get(path).status == ann.get(f"{path}/content").status == 404


@pytest.mark.both_databases
@pytest.mark.case("AB-40")
def test_files_of_others_are_as_if_they_were_not_there(
    app: InProcessApp, admin: Client, ann: Client, bob: Client, directory: Path
) -> None:
    file_id = upload(ann, "secret.txt", b"for Ann")["id"]
    waiting = admin.add_user("Pia", role="pending")
    for method, path in (
        ("GET", ""),
        ("GET", "/content"),
        ("GET", "/content/x.txt"),
        ("GET", "/content/html"),
        ("GET", "/process/status"),
        ("GET", "/data/content"),
        ("POST", "/data/content/update"),
        ("DELETE", ""),
    ):
        body = {"content": "x"} if method == "POST" else None
        for name in (file_id, "0" * 36, "..%2Fportico.db", "x" * 300, "%00"):
            refused = bob.request(method, f"{FILES}{name}{path}", json=body)
            detail = "Not Found" if "%2F" in name else NOT_FOUND  # no such route
            assert (refused.status, refused.detail) == (404, detail), (method, name, path)
        assert waiting.request(method, f"{FILES}{file_id}{path}", json=body).status == 403
        assert app.client.request(method, f"{FILES}{file_id}{path}", json=body).status == 401
    assert bob.get(FILES).json == []
    assert bob.delete(f"{FILES}all").status == 403
    assert send(waiting, "x.txt", b"x").status == 403
    assert send(app.client, "x.txt", b"x").status == 401
    assert admin.get(f"{FILES}{file_id}/content").body == b"for Ann"
    assert admin.post(f"{FILES}{file_id}/data/content/update", {"content": "x"}).status == 403
    assert contents(directory) == {file_id: b"for Ann"}
    assert admin.delete(f"{FILES}all").status == 200
    wait_until_settled(app, directory)
    assert rows(app) == []


def test_parallel_uploads_do_not_exceed_the_quota(
    env: dict[str, str], complete_schema: Callable[[Application], None], directory: Path
) -> None:
    app = InProcessApp(env | {"PORTICO_FILES_QUOTA": "1"}, complete_schema)
    try:
        ada = app.client.sign_up("Ada")
        with ThreadPoolExecutor(8) as threads:
            sent = [threads.submit(send, ada, f"{n}.txt", b"x" * 200_000) for n in range(8)]
        statuses = sorted(one.result().status for one in sent)
        assert statuses == [200] * 5 + [413] * 3
        wait_until_settled(app, directory)
    finally:
        app.close()


def test_deletion_of_an_account_leaves_nothing_of_its_files(
    app: InProcessApp, admin: Client, ann: Client, bob: Client, directory: Path
) -> None:
    upload(ann, "a.txt", b"a")
    upload(ann, "b.png", PNG)
    kept = upload(bob, "c.txt", b"c")["id"]
    assert admin.delete(f"/api/v1/users/{ann.account['id']}").status == 200
    wait_until_settled(app, directory)
    assert contents(directory) == {kept: b"c"}
    assert [row["user_id"] for row in rows(app, "files_owner")] == [bob.account["id"]]


def test_administrators_change_what_may_be_uploaded(
    app: InProcessApp, admin: Client, ann: Client
) -> None:
    file = admin.get("/api/config").json["file"]
    assert (file["max_size"], file["max_count"]) == (100, 20)
    assert ann.get("/api/config").json["permissions"]["chat"]["file_upload"] is True
    change = {"RAG_FILE_MAX_SIZE": 1, "RAG_ALLOWED_FILE_EXTENSIONS": ["txt", ".MD"]}
    app.run(app.portico.runtime_settings.change, change, admin.account["id"])
    assert ann.get("/api/config").json["file"]["max_size"] == 1
    refused = send(ann, "a.txt", b"x" * 1024 * 1024 + b"x")
    assert (refused.status, refused.detail) == (413, "A file has at most 1 MiB.")
    assert send(ann, "a.txt", b"x" * 2 * 1024 * 1024).status == 413
    for name in ("a.exe", "a", "a.txt.exe", ".txt"):
        assert send(ann, name, b"x").status == 400, name
    assert send(ann, "a.md", b"x").status == send(ann, "a.TXT", b"x").status == 200
    tree = admin.get("/api/v1/users/default/permissions").json
    tree["chat"]["file_upload"] = False
    assert admin.post("/api/v1/users/default/permissions", tree).status == 200
    assert (send(ann, "a.txt", b"x").status, send(admin, "a.txt", b"x").status) == (403, 200)
