"""The picture of a model, for whoever may read it; to everybody else a model looks like one without a picture."""

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


class _Pictured(msgspec.Struct):
    profile_image_url: str | None = None


async def picture_of(app: AppContext, actor: Actor, model_id: str) -> ImageData | None:
    """The bitmap in a record, if there is one and it is somebody's to see."""
    if not may_exist(model_id):
        return None
    found = await fetch_one("SELECT user_id FROM models_model WHERE id = $1", model_id)
    resource = Resource(KIND, model_id, found["user_id"] if found else None)
    # Asked also about a record that is not there, so that both take as long.
    if not await app.permissions.allows(actor, "read", resource) or found is None:
        return None
    kept = await fetch_one("SELECT meta FROM models_model WHERE id = $1", model_id)
    if kept is None:
        return None
    try:
        pictured = msgspec.json.decode(kept["meta"], type=_Pictured)
    except msgspec.MsgspecError:
        return None
    return decode_data_url(pictured.profile_image_url or "")


def routes(app: AppContext) -> list[Any]:
    """Handlers that work in this house."""
    neutral = resources.files(__package__).joinpath("default_model.png").read_bytes()

    @get("/api/v1/models/model/profile/image", responses=IMAGE_RESPONSES)
    async def picture(
        request: Request,
        model_id: Annotated[str, QueryParameter(name="id", description="The model's id")] = "",
    ) -> JSONResponse:
        """A model's picture, never an error. One that lies elsewhere is not fetched, nor is anybody sent there."""
        return image_response(request, await picture_of(app, request.user, model_id), neutral)

    return [picture]
