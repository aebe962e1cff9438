"""The picture that Gravatar has for an address: only the server asks for it."""

import base64
from collections.abc import Iterator
from hashlib import sha256

import pytest
from tests.page_server import ALLOWED, PageServer

from portico.testing import Client

ROUTE = "/api/v1/utils/gravatar?email="
PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 20
PATH = f"/avatar/{sha256(b'ann@example.org').hexdigest()}?s=250&d=mp"


@pytest.fixture
def pages() -> Iterator[PageServer]:
    with PageServer({PATH: ("image/png", PNG)}) as server:
        yield server


@pytest.fixture
def env(env: dict[str, str], pages: PageServer) -> dict[str, str]:
    return env | ALLOWED | {"PORTICO_ACCOUNTS_GRAVATAR_URL": f"{pages.url}/avatar/"}


def test_picture_for_the_own_address_can_be_stored_in_the_profile(
    admin: Client, ann: Client, pages: PageServer
) -> None:
    for caller in (ann, admin):
        found = caller.get(f"{ROUTE} Ann@example.org")
        assert found.json == "data:image/png;base64," + base64.b64encode(PNG).decode()
    assert ann.get(f"{ROUTE}ada@example.org").status == 403
    assert pages.paths == [PATH, PATH]
    missing = admin.get(f"{ROUTE}eve@example.org")
    assert missing.status == 400 and "could not be fetched" in missing.json["detail"]
    form = {"name": "Ann", "profile_image_url": found.json}
    assert ann.post("/api/v1/auths/update/profile", form).status == 200


class TestSwitchedOff:
    @pytest.fixture
    def env(self, env: dict[str, str]) -> dict[str, str]:
        return env | {"PORTICO_ACCOUNTS_GRAVATAR_URL": "off"}

    def test_no_picture_is_offered(self, admin: Client) -> None:
        refused = admin.get(f"{ROUTE}ada@example.org")
        assert refused.status == 400 and "switched off" in refused.json["detail"]
