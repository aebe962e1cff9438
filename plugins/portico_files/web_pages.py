"""Attaches web pages: the server fetches a page, and stores its text as a file of the user."""

import asyncio
import re
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final
from urllib.parse import urlsplit

from portico.api import AppContext, FetchResult, InvalidRequest
from portico.api.auth import Actor
from portico.api.forms import FormPart
from portico_files.page_text import WebPage, read_html
from portico_files.schemas import FileRow
from portico_files.uploads import Uploads

#: Bytes of a page. Most are smaller; its text is a fraction of it.
MAX_PAGE_BYTES: Final = 2 * 1024 * 1024
#: Seconds.
TIME_LIMIT: Final = 20.0
HTML: Final = ("text/html", "application/xhtml+xml")
TYPES: Final = (*HTML, "text/plain", "text/markdown", "text/csv", "application/json", "text/xml")
NO_TEXT: Final = (
    "This page has no text. If it needs a script or a sign-in, copy its text into your message."
)
NOT_FOUND: Final = "The page answered with status {}. Check its address in a browser."

_CHARSET: Final = re.compile(rb"charset=[\"\']?([a-zA-Z0-9_-]{1,40})")
#: Bytes in which a page names its character set.
_HEAD_BYTES: Final = 2048


class WebPages:
    """Fetches pages from public addresses only; see `app.safe_http`."""

    def __init__(self, app: AppContext, uploads: Uploads, threads: ThreadPoolExecutor) -> None:
        self._app, self._uploads, self._threads = app, uploads, threads

    async def attach(self, url: str, actor: Actor) -> tuple[FileRow, str]:
        """Store the text of a page. Return its file and the text.

        Raises: FetchRefused; InvalidRequest for a page without text; all errors of an upload.
        """
        response = await self._app.safe_http.get(
            url, largest=MAX_PAGE_BYTES, types=TYPES, timeout=TIME_LIMIT
        )
        if response.status != 200:
            raise InvalidRequest(NOT_FOUND.format(response.status))
        loop = asyncio.get_running_loop()
        page = await loop.run_in_executor(self._threads, read_page, response)
        if not page.text:
            raise InvalidRequest(NO_TEXT)
        form = _form(f"{page.title or urlsplit(url).hostname or 'page'}.txt", page.text)
        row = await self._uploads.take(form, actor, form_size=None, is_processed=True)
        return row, page.text


async def _form(name: str, text: str) -> AsyncIterator[FormPart | bytes]:
    yield FormPart("file", name.replace("/", "-"))
    yield text.encode()


def read_page(response: FetchResult) -> WebPage:
    """Return what a page says."""
    text = _decoded(response.body)
    if response.content_type not in HTML:
        return WebPage("", text.strip())
    return read_html(text)


def _decoded(body: bytes) -> str:
    """Return a text that is UTF-8, else in the character set that it names, else in that of old pages."""
    named = _CHARSET.search(body, 0, _HEAD_BYTES)
    for charset in ("utf-8-sig", named[1].decode() if named else "", "cp1252"):
        try:
            text = body.decode(charset)
            text.encode()  # some codecs of Python make lone surrogates, which no text may have
        except (LookupError, ValueError):
            continue
        return text.replace("\x00", "")
    return body.decode("latin-1").replace("\x00", "")
