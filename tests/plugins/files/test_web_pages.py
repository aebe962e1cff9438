"""Users attach web pages: the server fetches them, and models get their text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.page_server import ALLOWED, PageServer
from tests.plugins.files.test_added_files import given as given_to
from tests.plugins.files.test_context import asked
from tests.plugins.files.uploads import FILES
from tests.upstream import Upstream

from portico.api import FetchResult
from portico.testing import Client
from portico_files.page_text import read_html
from portico_files.web_pages import read_page

ROUTE = "/api/v1/retrieval/process/web"
PAGE = """<!doctype html><html><head><title>The / manual</title><style>p {}</style></head><body>
<p>Press <b>seven</b> <a title="a > b" href='/x'>now</a>, 1 < 2 &amp; &lt;3.</p><!-- no --><script>evil("</p>")</script>
<ul><li>one<li>two</ul></body>"""
TEXT = "Press seven now, 1 < 2 & <3.\none\ntwo"


@pytest.fixture
def env(env: dict[str, str], upstream: Upstream) -> dict[str, str]:
    only = "accounts,password,groups,files,openai,completions,chats,models,webclient"
    return env | upstream.environment | ALLOWED | {"PORTICO_PLUGINS_ONLY": only}


def test_attached_page_is_a_file_that_models_read(
    admin: Client, ann: Client, upstream: Upstream
) -> None:
    html = "text/html; charset=utf-8"
    answers = {
        "/manual": (html, PAGE.encode()),
        "/plain": ("text/plain", b"Just text\r\n"),
        "/empty": (html, b"<p></p>"),
        "/picture": ("image/png", b"\x89PNG\r\n\x1a\n"),
        "/huge": (html, b"x" * (3 * 1024 * 1024)),
    }
    with PageServer(answers) as pages:
        url = f"{pages.url}/manual"
        page = ann.post(ROUTE, {"url": url, "collection_name": ""}).json
        assert (page["status"], page["filename"]) == (True, url)
        assert page["file"]["filename"] == "The - manual.txt"
        assert page["file"]["data"]["content"] == TEXT
        # As the web client attaches it.
        item = {"type": "text", "name": url, "collection_name": page["collection_name"], "url": url}
        answer = asked(ann, files=[item | {"file": page["file"]}])
        assert answer.json["sources"][0]["document"] == [TEXT]
        assert "Press seven now" in given_to(upstream)[-1]["content"]
        assert (
            ann.post(ROUTE, {"url": f"{pages.url}/plain"}).json["file"]["data"]["content"]
            == "Just text"
        )

        stored = ann.get(FILES).json
        for path, detail in {
            "/empty": "This page has no text.",
            "/gone": "The page answered with status 404.",
            "/picture": "",
            "/huge": "",
        }.items():
            refused = ann.post(ROUTE, {"url": pages.url + path})
            assert refused.status == 400 and detail in str(refused.detail), path
        assert ann.get(FILES).json == stored
    assert asked(ann, files=[{"type": "text", "content": "x"}]).status == 400


@pytest.mark.case("AB-45")
def test_internal_addresses_are_not_fetched(admin: Client, ann: Client) -> None:
    refusals = {
        str(ann.post(ROUTE, {"url": url}).detail)
        for url in ("http://169.254.169.254/latest", "http://[::1]/", "file:///etc/hosts", "x", "http://localhost:1/")
    }  # fmt: skip
    assert len(refusals) == 1
    assert ann.post(ROUTE, {"url": ""}).status == ann.post(ROUTE, {}).status == 422


def test_page_needs_the_permission_to_upload(admin: Client, ann: Client) -> None:
    permissions = admin.get("/api/v1/users/default/permissions").json
    permissions["chat"]["file_upload"] = False
    assert admin.post("/api/v1/users/default/permissions", permissions).status == 200
    assert ann.post(ROUTE, {"url": "http://127.0.0.1:1/"}).status == 403


@given(st.text(alphabet="<>/!-\"'= apscriptitle&;İ\n"))
def test_any_page_has_a_text(page: str) -> None:
    title, text = read_html(page)
    assert "\n" not in title
    assert all(line == " ".join(line.split()) != "" for line in text.split("\n") if text)


@pytest.mark.case("AB-47")
def test_malformed_pages_are_read_in_one_pass() -> None:
    # A reader that goes back would take minutes for each of these.
    for part in (
        "<div>",
        "<b>",
        "<a '",
        "<a \"'>",
        "<!--",
        "<script>",
        "<",
        "&a",
        "<title>",
        "<svg></svg>",
    ):
        page = part.encode() * (400_000 // len(part))
        assert "div" not in read_page(FetchResult(200, "text/html", page)).text


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("<meta charset=iso-8859-15><p>café €".encode("iso-8859-15"), "café €"),
        ("<p>“café”".encode("cp1252"), "“café”"),
        (b"<meta charset=nonsense>\x81", "\x81"),
        (b"\xef\xbb\xbfa\x00b", "ab"),
        # A codec of Python that makes lone surrogates, and a number of more digits than Python reads.
        (b"<meta charset=unicode_escape><p>\xff\\ud800", "\xff\\ud800"),
        (b"<p>&#" + b"9" * 5000 + b"; &#0000000000000000000065;&#65;", "\ufffd \ufffdA"),
    ],
)
def test_page_is_read_in_the_character_set_that_it_has(body: bytes, text: str) -> None:
    assert read_page(FetchResult(200, "text/html", body)).text == text
