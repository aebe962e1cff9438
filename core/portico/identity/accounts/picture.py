"""Profile pictures: which URLs may be stored, and the image inside a `data:` URL.

The bytes of a `data:` URL are checked, because the declared media type proves nothing.
"""

import base64
import binascii
import re
from typing import NamedTuple
from urllib.parse import urlsplit

from portico.errors import InvalidRequest, TooLarge

DEFAULT_PICTURE = "/user.png"
MAX_DATA_URL_CHARS = 256 * 1024
MAX_URL_CHARS = 2048

_DATA = re.compile(r"data:(image/(?:png|jpeg|gif|webp));base64,([A-Za-z0-9+/]+={0,2})")
# One slash, not two: `//host` would be a URL of another site.
_LOCAL = re.compile(r"/(?![/\\])[^\s\\\x00-\x1f\x7f]*")
_REMOTE = re.compile(r"https://[^\s\\\x00-\x1f\x7f]+", re.IGNORECASE)
# ASCII, because browsers turn look-alike digits into an IP address; the last label begins with a letter, because
# they read `127.1` and `0x7f.1` as one, too.
_HOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?\.)+[a-z](?:[a-z0-9-]*[a-z0-9])?\.?")
_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)


class ImageData(NamedTuple):
    """Bytes of an image, and the media type that they have."""

    media_type: str
    data: bytes


def check_picture(url: str) -> str:
    """Return the URL of a picture if browsers can load it safely.

    Allowed: an empty text, a path on this site, an https URL of a named host, or a small `data:` image of the declared
    type; never SVG, which can run scripts. Raises: TooLarge for an image over 256 KiB, InvalidRequest for other URLs.
    """
    if url.startswith("data:"):
        if len(url) > MAX_DATA_URL_CHARS:
            raise TooLarge("[ERROR: profile_image_url: at most 256 KiB]")
        fits = decode_data_url(url) is not None
    else:
        fits = len(url) <= MAX_URL_CHARS and (
            not url or _LOCAL.fullmatch(url) is not None or _is_public_url(url)
        )
    if not fits:
        raise InvalidRequest("[ERROR: Invalid profile image]")
    return url


def decode_data_url(url: str) -> ImageData | None:
    """Return the image of a `data:` URL; None if it is not an image of the declared type."""
    declared = _DATA.fullmatch(url)
    if declared is None or len(declared[2]) % 4:
        return None
    try:
        data = base64.b64decode(declared[2], validate=True)
    except binascii.Error:
        return None
    return ImageData(declared[1], data) if _media_type(data) == declared[1] else None


def _media_type(data: bytes) -> str | None:
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((name for start, name in _SIGNATURES if data.startswith(start)), None)


def _is_public_url(url: str) -> bool:
    """Return whether the URL has a host with a public name and no credentials."""
    # Only a path may have other letters; `urlsplit` normalizes those of a host, which takes quadratic time.
    host = url[:MAX_URL_CHARS].partition("://")[2].replace("?", "/").partition("/")[0]
    if not host.isascii() or not _REMOTE.fullmatch(url):
        return False
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port  # reading the port checks it
    except ValueError:
        return False
    # Numbers never fit: the last label of a name begins with a letter.
    named = _HOST.fullmatch(host) is not None and not host.rstrip(".").endswith(".localhost")
    return named and "@" not in parts.netloc
