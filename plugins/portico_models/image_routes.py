"""HTTP route of a model's picture. Users who may not read the model get the default picture."""

from importlib import resources
from typing import Annotated, Any

import msgspec
from litestar.params import QueryParameter

from portico.api import (
    IMAGE_RESPONSES,
    Actor,
    AppContext,
    ImageData,
    JSONResponse,
    Request,
    Resource,
    decode_data_url,
    fetch_one,
    get,
    image_response,
)
from portico_models.model_ids import may_exist
from portico_models.records import KIND


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


def routes(app: AppContext) -> list[Any]:
    """Return the handler of pictures."""
    default_picture = resources.files(__package__).joinpath("default_model.png").read_bytes()

    @get("/api/v1/models/model/profile/image", responses=IMAGE_RESPONSES)
    async def get_picture(
        request: Request,
        model_id: Annotated[str, QueryParameter(name="id", description="The model's id")] = "",
    ) -> JSONResponse:
        """Return a model's picture, never an error. Pictures on other servers are neither fetched nor redirected to."""
        return image_response(
            request, await picture_of(app, request.user, model_id), default_picture
        )

    return [get_picture]
