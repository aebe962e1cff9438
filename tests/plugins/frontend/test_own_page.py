"""The page of a server without a web client."""

import base64
import hashlib
import re

import pytest
from tests.one_database import database_url  # noqa: F401 - a fixture

from portico.testing import Client, InProcessApp


@pytest.fixture
def env(env: dict[str, str]) -> dict[str, str]:
    return env | {
        "PORTICO_PLUGINS_ONLY": "accounts,password,frontend",
        "WEBUI_NAME": "<b>Ours</b>",
    }


def test_page_says_what_runs_here_and_only_administrators_see_plugins(app: InProcessApp) -> None:
    client = app.client
    first = client.get("/")
    assert (first.status, first.headers["content-type"]) == (200, "text/html; charset=utf-8")
    text = first.body.decode()
    assert "There is none yet" in text
    assert "http://testserver/api/v1/auths/signup" in text
    assert "&lt;b&gt;Ours&lt;/b&gt;" in text and "<b>Ours" not in text
    assert '<a href="/docs">' in text
    admin = client.sign_up("Ada")
    user = admin.add_user("Ben")
    for visitor in (client, user):
        page = visitor.get("/").body.decode()
        assert "The first one has become" in page
        assert "<table>" not in page and "frontend" not in page.replace("_FRONTEND_", "")
    assert "<td>frontend</td>" in admin.get("/").body.decode()
    cookie = {"cookie": f"token={admin.token}"}
    assert "<td>frontend</td>" in client.get("/auth", headers=cookie).body.decode()
    forged = client.get("/", headers={"cookie": "token=made-up", "host": "<script>"})
    assert forged.status == 200 and b"<script>" not in forged.body


def test_page_needs_nothing_that_its_policy_forbids(client: Client) -> None:
    page = client.get("/")
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    text = page.body.decode()
    (style,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"'sha256-{digest}'" in policy
    assert not re.search(r"<script|style=|\son\w+=|@import|url\(", text)
    for path in set(re.findall(r'(?:src|href)="([^"]+)"', text)):
        assert path.startswith("/")
        assert client.get(path).status == 200, path
    head = client.request("HEAD", "/")
    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-length"] == page.headers["content-length"]


def test_pictures_are_there_without_a_client_and_nothing_else(client: Client) -> None:
    for path, kind in (
        ("/static/favicon.png", "image/png"),
        ("/static/favicon.svg", "image/svg+xml"),
        ("/static/logo.png", "image/png"),
        ("/static/user.png", "image/png"),
        ("/favicon.ico", "image/png"),
        ("/user.png", "image/png"),
        ("/robots.txt", "text/plain; charset=utf-8"),
    ):
        answer = client.get(path)
        assert (answer.status, answer.headers["content-type"]) == (200, kind), path
        assert client.get(path, headers={"if-none-match": answer.headers["etag"]}).status == 304
    for path in ("/static/", "/static/../page.html", "/page.html", "/c/1", "/logo.png"):
        answer = client.get(path, headers={"accept": "text/html"})
        assert (answer.status, answer.json) == (404, {"detail": "Not Found"}), path
