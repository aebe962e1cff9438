"""Fetches pictures of accounts from other servers, once: browsers never ask those servers."""

import base64
from collections.abc import Mapping
from typing import Final

from portico.errors import FetchRefused
from portico.http_client import SafeHTTPClient
from portico.identity.accounts.picture import decode_data_url

#: As a `data:` URL it has a third more characters; an account stores at most 256 KiB.
MAX_PICTURE_BYTES: Final = 190 * 1024
PICTURE_TYPES: Final = ("image/png", "image/jpeg", "image/gif", "image/webp")


async def download_picture(
    http: SafeHTTPClient,
    url: str,
    *,
    timeout: float = 10.0,
    headers: Mapping[str, str] | None = None,
    https_only: bool = True,
) -> str | None:
    """Return a picture as a `data:` URL; None if it cannot be fetched or is not a supported picture.

    `timeout`: seconds. `headers`: after a redirect to another origin only harmless ones are sent.
    """
    try:
        response = await http.get(
            url,
            largest=MAX_PICTURE_BYTES,
            types=PICTURE_TYPES,
            timeout=timeout,
            headers=headers,
            https_only=https_only,
        )
    except FetchRefused:
        return None
    picture = f"data:{response.content_type};base64,{base64.b64encode(response.body).decode()}"
    return picture if response.status == 200 and decode_data_url(picture) else None
