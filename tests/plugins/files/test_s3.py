"""Files are stored in a bucket of an S3-compatible store, and a wrong setting is a sentence at the start."""

import time
from collections.abc import Callable, Iterator

import pytest
from tests.one_database import database_url  # noqa: F401 - a fixture
from tests.plugins.files.s3_server import S3Server, s3_server
from tests.plugins.files.test_transfer import check_round_trip
from tests.plugins.files.uploads import FILES, rows, send, upload
from tests.raw_server import serving

from portico.api import OperatorError, Secret
from portico.api.db import execute
from portico.boot import Application
from portico.testing import Client, InProcessApp
from portico_files.settings import FilesSettings
from portico_files.store_check import StoreReport, check_store
from portico_files.stores.s3 import S3Store

_RENAME = "UPDATE files_file SET id = $1 WHERE id = $2"
CONTENT = bytes(range(256)) * 30_000  # sent in two parts


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Server]:
    with s3_server() as server:
        yield server


@pytest.fixture
def env(env: dict[str, str], s3: S3Server) -> dict[str, str]:
    return env | s3.environment


@pytest.fixture(autouse=True)
def bucket_is_empty(s3: S3Server) -> None:
    s3.empty()


def test_file_is_stored_in_the_bucket_and_deleted_from_it(
    app: InProcessApp, admin: Client, ann: Client, s3: S3Server
) -> None:
    made = upload(ann, "a.bin", CONTENT)
    empty = upload(ann, "empty.txt", b"")
    assert s3.contents() == {f"uploads/{made['id']}": CONTENT, f"uploads/{empty['id']}": b""}
    path = f"{FILES}{made['id']}/content"
    assert ann.get(path).body == CONTENT
    part = ann.get(path, headers={"range": "bytes=1000000-7000000"})
    assert (part.status, part.body) == (206, CONTENT[1_000_000:7_000_001])
    assert ann.get(f"{FILES}{empty['id']}/content").body == b""
    assert send(ann, "a.png", CONTENT).status == 400
    [ours] = [one for one in app.portico.contributions if one.plugin_name == "files"]
    lost, report = "0" * 36, StoreReport(2, [], [])
    assert app.run(check_store, ours.components.store) == report
    app.run(execute, _RENAME, lost, empty["id"])
    try:
        found = app.run(check_store, ours.components.store)
        assert found == StoreReport(2, [lost], [empty["id"]])
    finally:
        app.run(execute, _RENAME, empty["id"], lost)
    assert ann.delete(FILES + made["id"]).status == 200
    assert admin.delete(f"/api/v1/users/{ann.account['id']}").status == 200
    end = time.monotonic() + 20
    while rows(app, "files_loose_object"):
        assert time.monotonic() < end
        time.sleep(0.01)
    assert s3.contents() == {}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"S3_BUCKET_NAME": ""}, "files.s3_bucket: files.store is s3, so name a bucket."),
        ({"S3_BUCKET_NAME": "other"}, "files.s3_bucket: the store has no bucket 'other'."),
        ({"S3_ACCESS_KEY_ID": "AKIAX"}, "files.s3_key_id: the store does not know this access key id."),
        ({"S3_SECRET_ACCESS_KEY": "x"}, "files.s3_secret_key: it does not belong to the access key id."),
        ({"S3_ENDPOINT_URL": "http://127.0.0.1:1"}, "files.s3_endpoint: the store does not answer at http://127.0.0.1:1."),
    ],
)  # fmt: skip
def test_wrong_setting_is_a_sentence_at_the_start(
    env: dict[str, str],
    complete_schema: Callable[[Application], None],
    change: dict[str, str],
    sentence: str,
) -> None:
    with pytest.raises(OperatorError) as raised:
        InProcessApp(env | change, complete_schema)
    assert str(raised.value).startswith(sentence)
    assert env["S3_SECRET_ACCESS_KEY"] not in str(raised.value)


@pytest.mark.anyio
async def test_wrong_region_is_a_sentence_at_the_start() -> None:
    body = (
        b"<Error><Code>AuthorizationHeaderMalformed</Code><Message>The region 'us-east-1' is wrong</Message>"
        b"<Region>eu-west-1</Region></Error>"
    )
    answer = b"HTTP/1.1 400 X\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)
    async with serving(lambda *_: answer) as server:
        settings = FilesSettings(
            store="s3",
            s3_bucket="files",
            s3_region="us-east-1",
            s3_endpoint=server.url,
            s3_key_id="id",
            s3_secret_key=Secret("secret"),
        )
        with pytest.raises(OperatorError) as raised:
            await S3Store(settings, "").start()
    assert str(raised.value) == (
        "files.s3_region: 'us-east-1' is not the region of the bucket, which is 'eu-west-1'."
    )


def test_files_of_a_whole_instance_move_out_and_in(
    app: InProcessApp, ann: Client, bob: Client, s3: S3Server
) -> None:
    ids, large = check_round_trip(app, ann, bob)
    assert s3.contents()[f"uploads/{ids[2]}"] == large
