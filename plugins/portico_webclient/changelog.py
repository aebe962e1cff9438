"""The changelog of this server, in the form in which the web client shows it."""

import re
from functools import cache
from html import escape
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import msgspec

#: Versions that are shown, the newest first.
MAX_VERSIONS: Final = 4
#: Sections of Keep a Changelog. Others are for authors of plugins.
_SECTIONS: Final = frozenset(("added", "changed", "deprecated", "removed", "fixed", "security"))
_VERSION: Final = re.compile(r"## \[?(\d[\w.+-]*|Unreleased)\]?(?: - (\d{4}-\d\d-\d\d))?\s*\Z")
_LINK: Final = re.compile(r"\[([^\[\]]++)\]\([^()\s]++\)")
_CODE: Final = re.compile(r"`([^`]++)`")
_STRONG: Final = re.compile(r"\*\*([^*]++)\*\*")
#: A title ends at the first colon within so many characters; else the whole item is its content.
_MAX_TITLE_CHARS: Final = 80
#: What a client of this version shows first.
WELCOME: Final[dict[str, Any]] = {
    "0.6.41": {
        "date": "2025-12-02",
        "added": [
            {
                "title": "This client talks to Portico",
                "content": "Plugins decide what there is. Tools, functions, knowledge collections, notes, channels, "
                "images and code interpreters stay empty until a plugin provides them.",
                "raw": "",
            }
        ],
    }
}


@cache
def changelog_json() -> bytes:
    """Return the body of `GET /api/changelog`. The first call reads the file, which is a part of the release."""
    here = Path(__file__)
    # In a wheel it is beside this module; in a source tree it is at the root.
    places = here.parent / "CHANGELOG.md", here.parents[2] / "CHANGELOG.md"
    found = next((place for place in places if place.is_file()), None)
    versions = read_changelog(found.read_text("utf-8")) if found else {}
    return msgspec.json.encode(WELCOME | versions)


def read_changelog(text: str) -> dict[str, dict[str, Any]]:
    """Return the newest versions of a changelog, each with its date and its sections.

    What is not released belongs to the running version, and has no date.
    """
    versions: dict[str, dict[str, Any]] = {}
    shown: dict[str, Any] | None = None
    items: list[str] | None = None
    sections: list[tuple[dict[str, Any], str, list[str]]] = []
    for line in text.splitlines():
        if line.startswith("## "):
            shown = items = None
            head = _VERSION.match(line)
            if head is not None and len(versions) < MAX_VERSIONS:
                name = version("portico") if head[1] == "Unreleased" else head[1]
                shown = versions.setdefault(name, {"date": head[2] or ""})
        elif line.startswith("### "):
            name, items = line[4:].strip().lower(), []
            if shown is not None and name in _SECTIONS:
                sections.append((shown, name, items))
        elif items is not None and line.startswith("- "):
            items.append(line[2:].strip())
        elif items and line.startswith("  "):
            items[-1] += f" {line.strip()}"
    for release, name, found in sections:
        if found:
            release.setdefault(name, []).extend(map(_item, found))
    return versions


def _item(markdown: str) -> dict[str, str]:
    text = _STRONG.sub(r"\1", _CODE.sub(r"\1", _LINK.sub(r"\1", markdown)))
    title, colon, content = text.partition(": ")
    if not colon or len(title) > _MAX_TITLE_CHARS:
        title, content = "", text
    html = _LINK.sub(r"\1", escape(markdown))
    html = _STRONG.sub(r"<strong>\1</strong>", _CODE.sub(r"<code>\1</code>", html))
    return {"title": title, "content": content, "raw": f"<li>{html}</li>"}
