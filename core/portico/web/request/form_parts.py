"""Reads multipart forms piece by piece, so that a file in one is never in memory as a whole."""

from collections.abc import AsyncIterator
from typing import Final

import msgspec
import multipart

from portico.errors import InvalidRequest

#: Fields and files of one form.
MAX_PARTS: Final = 16


class FormPart(msgspec.Struct, frozen=True):
    """The beginning of a field of a form. `filename`: empty = it is no file."""

    name: str
    filename: str


async def read_form_parts(
    content_type: str, body: AsyncIterator[bytes], fault: str
) -> AsyncIterator[FormPart | bytes]:
    """Yield each field of a form, followed by its content in blocks.

    Raises: InvalidRequest, with `fault` as its sentence, for what is no such form, or not a whole one.
    """
    kind, options = multipart.parse_options_header(content_type)
    boundary = options.get("boundary", "")
    if kind != "multipart/form-data" or not boundary:
        raise InvalidRequest(fault)
    try:
        parser = multipart.PushMultipartParser(boundary, max_segment_count=MAX_PARTS)
        async for block in body:
            for event in parser.parse(block):
                if isinstance(event, multipart.MultipartSegment):
                    # Browsers write quotation marks so. Source: the HTML standard, multipart/form-data.
                    filename = (event.filename or "").replace("%22", '"')
                    yield FormPart(event.name or "", filename)
                elif event:
                    yield bytes(event)
        parser.close()
    except (multipart.MultipartError, UnicodeError):
        raise InvalidRequest(fault) from None
