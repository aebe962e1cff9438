"""Responses with uploaded images, or a default image in their place."""

import hashlib
from typing import Final

from litestar.openapi.datastructures import ResponseSpec

from portico.identity import ImageData
from portico.web.response.entity_tag import names_etag
from portico.web.response.json_response import JSONResponse
from portico.web.routes import Request

#: The `responses` of a route that returns an image, for the OpenAPI document.
IMAGE_RESPONSES: Final = {
    200: ResponseSpec(
        bytes, generate_examples=False, description="The image.", media_type="image/*"
    ),
    304: ResponseSpec(None, description="The caller's copy is up to date."),
}
#: Browsers keep the image, and ask each time whether it has changed.
_CACHING = (b"cache-control", b"private, no-cache")


def image_response(request: Request, found: ImageData | None, instead: bytes) -> JSONResponse:
    """Return the image, or `instead` (a PNG) if there is none; 304 if the caller already has it.

    The response does not show why it is the default image.
    """
    kind, data = found or ImageData("image/png", instead)
    tag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
    headers = (_CACHING, (b"etag", tag.encode()))
    if names_etag(request.headers.get("if-none-match", ""), tag):
        return JSONResponse(b"", status=304, headers=headers, content_type=kind.encode())
    return JSONResponse(data, headers=headers, content_type=kind.encode())
