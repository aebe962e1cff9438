"""The picture of a model, for those who may read it."""

from importlib import resources
from typing import Final

import msgspec

from portico.api import AppContext
from portico.api.auth import Actor, ImageData, decode_data_url
from portico.api.db import fetch_one
from portico.api.interfaces import BrowserPictures
from portico.api.policy import Resource
from portico.api.resources import is_storable
from portico_models.fields.pictures import DEFAULT_PICTURE
from portico_models.records.resource_kind import KIND

PNG_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"


class DefaultPicture:
    """The picture of models without one: what browsers get at the address that is in their `meta`."""

    def __init__(self, app: AppContext) -> None:
        self._services = app.services
        self._own = resources.files("portico_models").joinpath("default_model.png").read_bytes()

    async def read(self) -> bytes:
        """Return the PNG; the one of this plugin if no plugin serves pictures, or theirs is none."""
        pictures = self._services.get(BrowserPictures)
        found = await pictures.read(DEFAULT_PICTURE.lstrip("/")) if pictures else None
        return found if found is not None and found.startswith(PNG_SIGNATURE) else self._own


class _MetaWithPicture(msgspec.Struct):
    profile_image_url: str | None = None


async def picture_of(app: AppContext, actor: Actor, model_id: str) -> ImageData | None:
    """Return the bitmap stored in a model; None if there is none, or the actor may not read the model."""
    if not is_storable(model_id):
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
