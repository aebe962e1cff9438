"""The changelog as the web client shows it."""

from tests.one_database import database_url  # noqa: F401 - a fixture

import portico
from portico.testing import Client
from portico_webclient.changelog import read_changelog

TEXT = """# Changelog

Some words.

## Unreleased

### Added

- **Traces**: see `[otel]`, and
  [more](README.md) <b>.
- A sentence without a title.

### Plugin API

- Not for users.

## Unreleased, in the words before

### Fixed

- Left out.

## [1.1.0] - 2026-10-02

### Fixed

- One: two.

## 1.0.3

## 1.0.2

### Fixed

- Three.

## 1.0.1 - 2026-01-01
"""


def test_changelog_has_the_newest_versions_with_titles_and_escaped_html() -> None:
    found = read_changelog(TEXT)
    assert list(found) == [portico.__version__, "1.1.0", "1.0.3", "1.0.2"]
    newest = found[portico.__version__]
    assert set(newest) == {"date", "added"} and newest["date"] == ""
    assert newest["added"][0] == {
        "title": "Traces",
        "content": "see [otel], and more <b>.",
        "raw": "<li><strong>Traces</strong>: see <code>[otel]</code>, and more &lt;b&gt;.</li>",
    }
    assert newest["added"][1]["title"] == ""
    assert found["1.1.0"]["date"] == "2026-10-02"
    assert found["1.0.3"] == {"date": ""}


def test_changelog_of_this_release_is_public(client: Client) -> None:
    found = client.get("/api/changelog").json
    assert list(found) == ["0.6.41", portico.__version__]
    assert len(found[portico.__version__]["added"]) > 20
