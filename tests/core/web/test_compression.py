"""JSON of a kilobyte and more is compressed for clients that accept it; streams and secrets never are."""

import gzip
import json
import zlib

import brotli
import pytest
from backports import zstd
from tests.one_database import database_url  # noqa: F401 - a fixture
from tests.upstream import Upstream

from portico.testing import Client, InProcessApp
from portico.web.response.compression import choose_coding

BROWSER = {"accept-encoding": "gzip, deflate, br, zstd"}
DECODE = {"zstd": zstd.decompress, "br": brotli.decompress, "gzip": gzip.decompress}


@pytest.fixture
def env(env: dict[str, str], upstream: Upstream) -> dict[str, str]:
    return env | {"OPENAI_API_BASE_URLS": upstream.url, "OPENAI_API_KEYS": "sk-" + "k" * 2000}


def test_json_is_compressed_as_the_client_accepts(client: Client, admin: Client) -> None:
    for sender, path in ((client, "/openapi.json"), (admin, "/api/v1/plugins")):
        plain = sender.get(path)
        assert "content-encoding" not in plain.headers
        assert plain.headers["vary"] == "Accept-Encoding"
        length = int(plain.headers["content-length"])
        for accepted, coding in (
            (BROWSER["accept-encoding"], "zstd"),
            ("gzip, deflate, br", "br"),
            ("gzip", "gzip"),
            ("zstd;q=0.1, gzip;q=0.2", "gzip"),
        ):
            answer = sender.get(path, headers={"accept-encoding": accepted})
            assert (answer.status, answer.headers["content-encoding"]) == (200, coding)
            assert answer.headers["vary"] == "Accept-Encoding"
            assert int(answer.headers["content-length"]) == len(answer.body) < length / 2
            assert len(json.loads(DECODE[coding](answer.body))) == len(plain.json)
    short = client.get("/health", headers=BROWSER)
    assert not {"content-encoding", "vary"} & short.headers.keys()


def test_secrets_are_never_compressed(admin: Client, client: Client) -> None:
    picture = "data:image/png;base64," + "iVBORw0KGgo" + "A" * 5001
    form = {"name": admin.account["name"], "profile_image_url": picture}
    assert admin.post("/api/v1/auths/update/profile", form).status == 200
    for _ in range(12):
        assert client.sign_in(admin.account["name"]).token
    for path in ("/api/v1/auths/", "/api/v1/auths/sessions", "/openai/config"):
        answer = admin.get(path, headers=BROWSER)
        assert answer.status == 200, path
        assert not {"content-encoding", "vary"} & answer.headers.keys(), path
    assert len(admin.get("/api/v1/auths/").body) > 1024
    assert len(admin.get("/api/v1/auths/sessions").body) > 1024
    assert "content-encoding" in admin.get("/api/v1/users/", headers=BROWSER).headers


def test_streams_are_sent_as_they_are(admin: Client) -> None:
    ask = {"model": "good", "messages": [{"role": "user", "content": "Hi"}], "stream": True}
    answer = admin.post("/api/chat/completions", ask, headers=BROWSER)
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert "content-encoding" not in answer.headers
    assert answer.body.startswith(b"data: ")


def test_operator_turns_compression_off(env: dict[str, str]) -> None:
    app = InProcessApp(env | {"ENABLE_COMPRESSION_MIDDLEWARE": "false"})
    try:
        answer = app.client.get("/openapi.json", headers=BROWSER)
    finally:
        app.close()
    assert not {"content-encoding", "vary"} & answer.headers.keys()


@pytest.mark.parametrize(
    ("header", "coding"),
    [
        (b"", None),
        (b"identity", None),
        (b"*", "br"),
        (b"*;q=0", None),
        (b"gzip;q=0, br;q=0.0", None),
        (b"GZIP", "gzip"),
        (b"x-gzip", "gzip"),
        (b"gzip;q=x", None),
        (b"br ; q=0.9 , zstd", "zstd"),
        (b"gzip, " * 200, None),
        (b"\xff\x00,gzip", "gzip"),
    ],
)
def test_coding_is_the_one_that_the_client_prefers(header: bytes, coding: str | None) -> None:
    assert choose_coding(header, ("br", "zstd", "gzip")) == coding


def test_gzip_names_no_time_so_that_equal_answers_are_equal() -> None:
    from portico.web.response.compression import COMPRESSORS

    assert zlib.decompress(COMPRESSORS["gzip"](b"a" * 99, 1), 31) == b"a" * 99
    assert COMPRESSORS["gzip"](b"a" * 99, 1)[4:8] == bytes(4)
