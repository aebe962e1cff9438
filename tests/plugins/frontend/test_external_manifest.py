"""The manifest of a web app from another address."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from tests.one_database import database_url  # noqa: F401 - a fixture

from portico.testing import Client

MANIFEST = b'{"name": "Elsewhere"}'


class ManifestSite(ThreadingHTTPServer):
    """A site with a manifest. `status` and `body`: its answer; `count`: of the requests."""

    status, body, count = 200, MANIFEST, 0


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        site = self.server
        assert isinstance(site, ManifestSite)
        site.count += 1
        self.send_response(site.status)
        self.send_header("content-length", str(len(site.body)))
        self.end_headers()
        self.wfile.write(site.body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def site() -> Iterator[ManifestSite]:
    with ManifestSite(("127.0.0.1", 0), Handler) as site:
        threading.Thread(target=site.serve_forever, args=(0.01,), daemon=True).start()
        yield site
        site.shutdown()


@pytest.fixture
def env(env: dict[str, str], site: ManifestSite) -> dict[str, str]:
    return env | {
        "PORTICO_PLUGINS_ONLY": "accounts,password,frontend",
        "EXTERNAL_PWA_MANIFEST_URL": f"http://127.0.0.1:{site.server_port}/manifest.json",
        "PORTICO_HTTP_CLIENT_ALLOWED_HOSTS": "127.0.0.1",
    }


def test_manifest_of_another_address_is_sent_and_kept(client: Client, site: ManifestSite) -> None:
    for _ in range(3):
        answer = client.get("/manifest.json")
        assert (answer.status, answer.body) == (200, MANIFEST)
        assert answer.headers["content-type"] == "application/json"
    assert site.count == 1


@pytest.mark.parametrize(
    ("status", "body"),
    [(404, MANIFEST), (200, b"<html>"), (200, b"[]"), (200, b'{"a":"' + b"x" * 70_000 + b'"}')],
)
def test_own_manifest_is_sent_where_the_other_is_none(
    client: Client, site: ManifestSite, status: int, body: bytes
) -> None:
    site.status, site.body = status, body
    for _ in range(2):
        assert client.get("/manifest.json").json["name"] == "Portico"
    assert site.count == 1
