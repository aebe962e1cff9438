"""A page in a real browser, under the default policy: it signs up, opens a socket, asks and shows the reply."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.browser import Page, browser_page, installed_browser
from tests.one_database import database_url  # noqa: F401 - a fixture
from tests.skipped_dependencies import NO_BROWSER
from tests.upstream import Upstream

from portico.testing import PASSWORD, ServerProcess

CLIENT = Path(__file__).parent / "browser_client"
WORDS = "word0 word1 word2 word3 word4"


@pytest.fixture
def env(env: dict[str, str], upstream: Upstream) -> dict[str, str]:
    return env | {
        "PORTICO_FRONTEND_DIR": str(CLIENT),
        "OPENAI_API_BASE_URLS": upstream.url,
        "OPENAI_API_KEYS": "sk-x",
        "ENABLE_TITLE_GENERATION": "false",
        "ENABLE_TAGS_GENERATION": "false",
        "ENABLE_FOLLOW_UP_GENERATION": "false",
    }


@pytest.fixture
def page(tmp_path: Path, pytestconfig: pytest.Config) -> Iterator[Page]:
    installed = installed_browser(pytestconfig.cache.mkdir("debian"))
    if installed is None:
        pytest.skip(NO_BROWSER)
    folder = tmp_path / "browser"
    folder.mkdir()
    with browser_page(installed, folder) as opened:
        yield opened


@pytest.mark.slow
@pytest.mark.timeout(240)  # where the browser is downloaded first
def test_page_in_a_browser_signs_up_and_shows_a_reply(server: ServerProcess, page: Page) -> None:
    page.open(f"{server.url}/")
    page.wait("document.body.dataset.state === 'signed-out'")
    assert page.run("document.body.dataset.tried").startswith("worker 0.")
    assert page.run("document.body.dataset.tried").endswith(" 42")
    page.run(f"document.forms.account.password.value = '{PASSWORD}'")
    page.run("document.querySelector('#account button').click()")
    page.wait("document.body.dataset.state === 'ready'")
    page.run("document.forms.question.text.value = 'Hello'")
    page.run("document.querySelector('#question button').click()")
    page.wait("document.body.dataset.state === 'done'")
    assert page.run("document.getElementById('reply').textContent") == WORDS
    assert page.run("location.pathname").startswith("/c/")
    assert page.problems == []

    page.open(page.run("location.href"))
    page.wait("document.body.dataset.state === 'ready'")
    loaded = "performance.getEntriesByType('resource')"
    again = page.run(
        f"{loaded}.filter(one => one.name.includes('/immutable/')).map(one => one.transferSize)"
    )
    assert again and not any(again), "hashed files come from the browser's cache"
    assert page.problems == []
