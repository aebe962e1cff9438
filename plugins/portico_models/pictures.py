"""Pictures in `meta`: which ones are stored, and which ones of other servers an import replaces."""

import re
from typing import Any, Final

import msgspec

from portico.api import AppContext, InvalidRequest
from portico.api.auth import Actor, ImageData, decode_data_url
from portico.api.db import fetch_one
from portico.api.policy import Resource
from portico_models.model_ids import may_exist
from portico_models.records.resource_kind import KIND

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


class _MetaWithPicture(msgspec.Struct):
    profile_image_url: str | None = None


async def picture_of(app: AppContext, actor: Actor, model_id: str) -> ImageData | None:
    """Return the bitmap stored in a model; None if there is none, or the actor may not read the model."""
    if not may_exist(model_id):
        return None
    row = await fetch_one("SELECT user_id FROM models_model WHERE id = $1", model_id)
    resource = Resource(KIND, model_id, row["user_id"] if row else None)
    # Checked for missing models, too, so that both cases take the same time.
    if not await app.permissions.allows(actor, "read", resource) or row is None:
        return None
    meta_row = await fetch_one("SELECT meta FROM models_model WHERE id = $1", model_id)
    if meta_row is None:
        return None
    try:
        meta = msgspec.json.decode(meta_row["meta"], type=_MetaWithPicture)
    except msgspec.MsgspecError:
        return None
    return decode_data_url(meta.profile_image_url or "")
