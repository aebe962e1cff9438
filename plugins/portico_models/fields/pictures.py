"""Pictures in `meta`: which ones are stored, and which ones of other servers an import replaces."""

import re
from typing import Any, Final

from portico.api import InvalidRequest

#: Picture of a model without one. Source: the API's clients.
DEFAULT_PICTURE: Final = "/static/favicon.png"
#: Characters of a picture that is part of the model.
MAX_PICTURE_CHARS: Final = 512 * 1024
#: Characters of a path or an address.
MAX_ADDRESS_CHARS: Final = 4096

_PICTURE: Final = re.compile(
    r"|/(?!/)[^\\]*|https?://[^\s\\]+|data:image/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/=]*"
)
_ENDINGS: Final = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".svg", ".ico", ".avif", ".bmp")
_PATH_CHARS: Final = re.compile(r"[\w./ %~+-]+")


def check_picture(picture: str | None) -> None:
    """Raises: InvalidRequest for a value that is not a picture, or is too large for a model."""
    if picture is None:
        return
    if len(picture) > MAX_PICTURE_CHARS or not _PICTURE.fullmatch(picture):
        raise InvalidRequest(
            "[ERROR: meta.profile_image_url must be a path, a web address, or a PNG, JPEG, GIF or WebP "
            f"picture of at most {MAX_PICTURE_CHARS // 1024} KiB]"
        )


def unsupported_picture_reason(picture: Any) -> str | None:
    """Return why a picture that clients of this API store on other servers cannot be stored here.

    None for a supported picture, and for what no such client stores, such as an address that runs a script:
    `check_picture` rejects that.
    """
    if not isinstance(picture, str) or _is_supported(picture):
        return None
    if picture[:11].lower() == "data:image/":
        media_type = re.split(r"[;,]", picture[11:75], maxsplit=1)[0].lower()
        if len(picture) > MAX_PICTURE_CHARS:
            return f"larger than {MAX_PICTURE_CHARS // 1024} KiB"
        return (
            "SVG is not supported"
            if media_type.startswith("svg")
            else "this picture format is not supported"
        )
    is_path = len(picture) <= MAX_ADDRESS_CHARS and _PATH_CHARS.fullmatch(picture) is not None
    if is_path and not picture.startswith("//") and picture.lower().endswith(_ENDINGS):
        return "the path does not begin with a slash"
    return None


def _is_supported(picture: str) -> bool:
    return len(picture) <= MAX_PICTURE_CHARS and _PICTURE.fullmatch(picture) is not None
