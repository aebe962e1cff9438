"""Serving pictures that somebody uploaded, or a neutral one in their place."""

import hashlib
from typing import Final

from litestar.openapi.datastructures import ResponseSpec

from portico.identity import ImageData
from portico.web.response.json_response import JSONResponse
from portico.web.routes import Request

#: How a route that answers with a picture is described: give it as its `responses`.
IMAGE_RESPONSES: Final = {
    200: ResponseSpec(
        bytes, generate_examples=False, description="The picture.", media_type="image/*"
    ),
    304: ResponseSpec(None, description="It is still the one the caller has."),
}
#: Whoever sees a page again asks whether its pictures are still the same, and mostly they are.
_CACHING = (b"cache-control", b"private, no-cache")


def image_response(request: Request, found: ImageData | None, instead: bytes) -> JSONResponse:
    """A bitmap as what it is, or `instead`, a PNG; 304 for whoever has it already.

    Nothing but the bytes tells why somebody gets the one or the other.
    """
    kind, data = found or ImageData("image/png", instead)
    tag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
    headers = (_CACHING, (b"etag", tag.encode()))
    if tag in request.headers.get("if-none-match", ""):
        return JSONResponse(b"", status=304, headers=headers, content_type=kind.encode())
    return JSONResponse(data, headers=headers, content_type=kind.encode())
