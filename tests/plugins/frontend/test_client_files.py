"""A built web client in a folder: what browsers get of it, and what is never sent."""

import gzip
import os
from pathlib import Path

import brotli
import pytest
from tests.one_database import database_url  # noqa: F401 - a fixture

from portico.app import CannotStart
from portico.testing import Client, InProcessApp

SCRIPT = b"export const words = 'hello, hello, hello';\n" * 200
PAGE = b"<!doctype html><title>Client</title><script src=/_app/immutable/a.js></script>"
OPENED = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
HASHED = "/_app/immutable/a.js"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A built client."""
    built = tmp_path / "built"
    (built / "_app/immutable").mkdir(parents=True)
    (built / "static").mkdir()
    (built / "index.html").write_bytes(PAGE)
    (built / "_app/immutable/a.js").write_bytes(SCRIPT)
    (built / "static/style.css").write_bytes(b"p{}" * 600)
    (built / "static/style.css.br").write_bytes(brotli.compress(b"p{}" * 600))
    (built / "static/logo.png").write_bytes(bytes(range(256)) * 16)
    (built / "static/large.wasm").write_bytes(os.urandom(1024) * 1500)
    (built / ".env").write_text("SECRET=1")
    (tmp_path / "secret.txt").write_text("secret")
    return built


@pytest.fixture
def env(env: dict[str, str], folder: Path) -> dict[str, str]:
    return env | {
        "PORTICO_FRONTEND_DIR": str(folder),
        "PORTICO_PLUGINS_ONLY": "accounts,password,frontend",
    }


def test_browsers_keep_hashed_files_and_revalidate_the_page(client: Client, folder: Path) -> None:
    page = client.get("/")
    assert (page.status, page.body) == (200, PAGE)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["cache-control"] == "no-cache"
    assert "script-src" in page.headers["content-security-policy"]
    assert "last-modified" not in page.headers
    tag = page.headers["etag"]
    for given in (tag, f"W/{tag}", f'"x", {tag}', "*"):
        again = client.get("/", headers={"if-none-match": given})
        assert (again.status, again.body, again.headers["etag"]) == (304, b"", tag)
        assert "content-length" not in again.headers
    script = client.get(HASHED)
    assert script.body == SCRIPT
    assert script.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert script.headers["content-type"] == "text/javascript; charset=utf-8"
    # A worker has the policy of its own script, not that of the page.
    assert script.headers["content-security-policy"] == page.headers["content-security-policy"]
    head = client.request("HEAD", HASHED)
    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-length"] == str(len(SCRIPT))


def test_page_of_a_new_release_has_another_tag_though_time_and_size_are_the_same(
    client: Client, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portico.web.static.static_files.CHECK_SECONDS", 0.0)
    path = folder / "index.html"
    os.utime(path, (1, 1))
    old = client.get("/").headers["etag"]
    path.write_bytes(PAGE.replace(b"a.js", b"b.js"))
    os.utime(path, (1, 1))
    new = client.get("/", headers={"if-none-match": old})
    assert new.status == 200
    assert b"b.js" in new.body


def test_files_are_compressed_as_the_browser_accepts(client: Client) -> None:
    tags = set()
    for accepted, coding in (
        ("gzip, deflate, br, zstd", "br"),
        ("gzip;q=1.0, br;q=0.5", "gzip"),
        ("zstd", "zstd"),
        ("br;q=0, *", "zstd"),
        ("identity", None),
        ("deflate", None),
    ):
        answer = client.get(HASHED, headers={"accept-encoding": accepted})
        assert answer.headers.get("content-encoding") == coding, accepted
        assert answer.headers["vary"] == "Accept-Encoding"
        assert (len(answer.body) < 500) is (coding is not None)
        tags.add(answer.headers["etag"])
        if coding == "br":
            assert brotli.decompress(answer.body) == SCRIPT
        if coding == "gzip":
            assert gzip.decompress(answer.body) == SCRIPT
    assert len(tags) == 4
    made = client.get("/static/style.css", headers={"accept-encoding": "br"})
    assert made.body == brotli.compress(b"p{}" * 600)
    picture = client.get("/static/logo.png", headers={"accept-encoding": "br"})
    assert "content-encoding" not in picture.headers
    assert "vary" not in picture.headers
    head = client.request("HEAD", HASHED, headers={"accept-encoding": "br"})
    assert head.headers["content-encoding"] == "br"


def test_parts_of_files_are_sent(client: Client, folder: Path) -> None:
    for path in ("static/logo.png", "static/large.wasm"):
        content = (folder / path).read_bytes()
        size = len(content)
        for asked, begin, end in (
            ("bytes=0-99", 0, 100),
            (f"bytes={size - 5}-", size - 5, size),
            ("bytes=-7", size - 7, size),
            ("bytes=10-99999999", 10, size),
        ):
            answer = client.get(f"/{path}", headers={"range": asked, "accept-encoding": "br"})
            assert (answer.status, answer.body) == (206, content[begin:end]), asked
            assert answer.headers["content-range"] == f"bytes {begin}-{end - 1}/{size}"
        for whole in ("bytes=0-1,5-6", "lines=1-2", "bytes=9-3"):
            answer = client.get(f"/{path}", headers={"range": whole})
            assert (answer.status, answer.body) == (200, content), whole
        beyond = client.get(f"/{path}", headers={"range": f"bytes={size}-"})
        assert (beyond.status, beyond.headers["content-range"]) == (416, f"bytes */{size}")
        tag = answer.headers["etag"]
        fits = client.get(f"/{path}", headers={"range": "bytes=0-0", "if-range": tag})
        assert (fits.status, fits.body) == (206, content[:1])
        other = client.get(f"/{path}", headers={"range": "bytes=0-0", "if-range": '"x"'})
        assert (other.status, other.body) == (200, content)


def test_pages_without_a_file_are_the_client_and_no_path_of_an_api_is(client: Client) -> None:
    for path in ("/auth", "/c/1f2e", "/admin/users", "/s/x", "/workspace/", "/c/local:1"):
        answer = client.get(path, headers=OPENED)
        assert (answer.status, answer.body) == (200, PAGE), path
    for path in (
        "/api/nope",
        "/api",
        "//api/nope",
        "/openai/nope",
        "/ollama/nope",
        "/oauth/nope",
        "/ws/nope",
        "/health/nope",
        "/ready/x",
        "/metrics",
        "/cache/../x",
        "/cache/../cache-evil/f",
        "/api/v1/chats/x/y/z",
    ):
        answer = client.get(path, headers=OPENED)
        assert (answer.status, answer.json) == (404, {"detail": "Not Found"}), path
    assert client.get("/health").json == {"status": True}
    for path in ("/_app/immutable/old.js", "/nope.js"):
        assert client.get(path, headers={"accept": "*/*"}).json == {"detail": "Not Found"}
    assert client.get("/_app/immutable/old.js", headers=OPENED).status == 404
    assert client.post("/auth", {}, headers=OPENED).status in (404, 405)


@pytest.mark.case("AB-72")
def test_nothing_outside_of_the_folder_is_served(
    client: Client, folder: Path, tmp_path: Path
) -> None:
    (folder / "link.txt").symlink_to(tmp_path / "secret.txt")
    (folder / "up").symlink_to(tmp_path)
    sibling = tmp_path / "built-evil"
    sibling.mkdir()
    (sibling / "f.txt").write_text("secret")
    (folder / "inner.txt").symlink_to(folder / "static/style.css")
    os.mkfifo(folder / "pipe.txt")
    for path in (
        "/../secret.txt",
        "/static/../../secret.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "/%252e%252e/secret.txt",
        "/..%5csecret.txt",
        "/static/%00/../logo.png",
        "/index.html%00.js",
        "//etc/passwd",
        f"/{tmp_path}/secret.txt",
        f"/%2f{tmp_path}/secret.txt",
        "/../built-evil/f.txt",
        "/up/secret.txt",
        "/static/nope.png",
        "/.env",
        "/static/",
    ):
        for headers in ({}, OPENED):
            answer = client.get(path, headers=headers)
            assert (answer.status, answer.json) == (404, {"detail": "Not Found"}), path
    for path in ("/link.txt", "/pipe.txt", "/static", "/" + "a" * 300):
        assert client.get(path).status == 404, path
    assert client.get("/inner.txt").body == b"p{}" * 600


def test_shared_texts_are_opened_in_the_client(client: Client) -> None:
    for path, target in (
        ("/?shared=what%20is%20this%3F", "/?q=what+is+this%3F"),
        ("/?shared=https%3A%2F%2Fexample.org%2Fa", "/?load-url=https%3A%2F%2Fexample.org%2Fa"),
        ("/?shared=https%3A%2F%2Fyoutu.be%2Fab-C", "/?youtube=ab-C"),
        ("/watch?v=ab-C", "/?youtube=ab-C"),
        ("/?shared=javascript%3Aalert(1)%0d%0aX-A:b", "/?q=javascript%3Aalert%281%29%0D%0AX-A%3Ab"),
    ):
        answer = client.get(path, headers=OPENED)
        assert (answer.status, answer.headers["location"]) == (307, target)
    assert client.get("/?q=hello", headers=OPENED).body == PAGE
    assert client.get("/api/nope?shared=x").status == 404


def test_documents_of_browsers_name_this_server(client: Client) -> None:
    manifest = client.get("/manifest.json")
    assert manifest.json["name"] == manifest.json["short_name"] == "Portico"
    assert manifest.json["share_target"]["params"] == {"text": "shared"}
    search = client.get("/opensearch.xml")
    assert b'template="http://testserver/?q={searchTerms}"' in search.body


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ("nowhere", "there is no folder"),
        ("secret.txt", "is a file, not a folder"),
        ("empty", "has no index.html"),
    ],
)
def test_wrong_folder_is_a_sentence_at_start(
    env: dict[str, str], tmp_path: Path, wrong: str, sentence: str
) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(CannotStart, match=sentence) as refused:
        InProcessApp(env | {"PORTICO_FRONTEND_DIR": str(tmp_path / wrong)})
    assert "PORTICO_FRONTEND_DIR" in str(refused.value)


def test_client_is_refused_below_a_path(env: dict[str, str]) -> None:
    with pytest.raises(CannotStart, match="Give the client a host name of its own"):
        InProcessApp(env | {"WEBUI_URL": "https://example.org/portico"})
