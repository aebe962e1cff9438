"""`GET /api/version/updates` asks for the latest release only where the operator says so."""

from collections.abc import Iterator

import pytest
from tests.one_database import database_url  # noqa: F401 - a fixture
from tests.page_server import ALLOWED, PageServer

import portico
from portico.testing import Client

PATH = "/releases/latest"
UPDATES = "/api/version/updates"


@pytest.fixture
def pages() -> Iterator[PageServer]:
    with PageServer({PATH: ("application/json", b'{"tag_name": "v9.1.0", "body": "x"}')}) as server:
        yield server


@pytest.fixture
def switches() -> dict[str, str]:
    return {}


@pytest.fixture
def env(env: dict[str, str], pages: PageServer, switches: dict[str, str]) -> dict[str, str]:
    address = {"PORTICO_ACCOUNTS_RELEASES_URL": f"{pages.url}{PATH}"}
    return env | ALLOWED | address | {"ENABLE_VERSION_UPDATE_CHECK": "true"} | switches


def test_latest_release_is_asked_for_once_by_signed_in_users_only(
    admin: Client, client: Client, pages: PageServer
) -> None:
    for _ in range(2):
        found = admin.get(UPDATES).json
        assert found == {"current": portico.__version__, "latest": "9.1.0"}
    assert client.get(UPDATES).status == 401
    assert pages.paths == [PATH]
    assert admin.get("/api/config").json["features"]["enable_version_update_check"] is True


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"tag_name": "1\\n2"}', b"{}"])
def test_running_version_is_the_latest_where_no_release_is_found(
    admin: Client, pages: PageServer, body: bytes
) -> None:
    pages.answers = {PATH: ("application/json", body)}
    found = admin.get(UPDATES).json
    assert found["current"] == found["latest"] == portico.__version__


@pytest.mark.parametrize(
    "switches", [{"OFFLINE_MODE": "true"}, {"ENABLE_VERSION_UPDATE_CHECK": "false"}]
)
def test_no_server_is_asked_while_the_check_is_off(admin: Client, pages: PageServer) -> None:
    found = admin.get(UPDATES).json
    assert found["current"] == found["latest"]
    assert pages.paths == []
    assert admin.get("/api/config").json["features"]["enable_version_update_check"] is False
