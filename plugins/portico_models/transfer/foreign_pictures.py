"""Pictures in `meta`: which ones are stored, and which ones of other servers' clients an import replaces."""

import re
from typing import Any, Final

from portico.api import InvalidRequest

#: What a model without a picture shows. Source: the API's clients.
DEFAULT_PICTURE: Final = "/static/favicon.png"
#: Characters of a picture that is part of the record.
LARGEST_PICTURE: Final = 512 * 1024
#: Characters of a path or an address.
MAX_ADDRESS_CHARS: Final = 4096

_PICTURE: Final = re.compile(
    r"|/(?!/)[^\\]*|https?://[^\s\\]+|data:image/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/=]*"
)
_ENDINGS: Final = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".svg", ".ico", ".avif", ".bmp")
_PATH_CHARS: Final = re.compile(r"[\w./ %~+-]+")


def check_picture(picture: str | None) -> None:
    """Raises: Invalid for what is no picture, or is too large for a record."""
    if picture is None:
        return
    if len(picture) > LARGEST_PICTURE or not _PICTURE.fullmatch(picture):
        raise InvalidRequest(
            "[ERROR: meta.profile_image_url must be a path, a web address, or a PNG, JPEG, GIF or WebP "
            f"picture of at most {LARGEST_PICTURE // 1024} KiB]"
        )


def odd_picture(picture: Any) -> str | None:
    """Why a picture that the clients of this API have stored elsewhere cannot be taken over.

    None for one that can be, and for what no such client stores, such as an address that runs a script: that is
    for `check_picture` to refuse.
    """
    if not isinstance(picture, str) or _is_fine(picture):
        return None
    if picture[:11].lower() == "data:image/":
        kind = re.split(r"[;,]", picture[11:75], maxsplit=1)[0].lower()
        if len(picture) > LARGEST_PICTURE:
            return f"a picture of more than {LARGEST_PICTURE // 1024} KiB"
        return (
            "SVG, which is not shown here"
            if kind.startswith("svg")
            else "a kind of picture that is not shown here"
        )
    is_path = len(picture) <= MAX_ADDRESS_CHARS and _PATH_CHARS.fullmatch(picture) is not None
    if is_path and not picture.startswith("//") and picture.lower().endswith(_ENDINGS):
        return "a path that does not begin with a slash"
    return None


def _is_fine(picture: str) -> bool:
    return len(picture) <= LARGEST_PICTURE and _PICTURE.fullmatch(picture) is not None
