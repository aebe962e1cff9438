"""The picture of a model, for whoever may read it; to everybody else a model looks like one without a picture."""

from importlib import resources
from typing import Annotated, Any

import msgspec
from litestar.params import QueryParameter

from portico.api import (
    PICTURE_RESPONSES,
    Actor,
    Bitmap,
    House,
    JSONBytes,
    Request,
    Resource,
    bitmap,
    get,
    picture_reply,
    row,
)
from portico_models.naming import may_exist
from portico_models.records import KIND


class _Pictured(msgspec.Struct):
    profile_image_url: str | None = None


async def picture_of(app: House, actor: Actor, model_id: str) -> Bitmap | None:
    """The bitmap in a record, if there is one and it is somebody's to see."""
    if not may_exist(model_id):
        return None
    found = await row("SELECT user_id FROM models_model WHERE id = $1", model_id)
    resource = Resource(KIND, model_id, found["user_id"] if found else None)
    # Asked also about a record that is not there, so that both take as long.
    if not await app.permissions.decide(actor, "read", resource) or found is None:
        return None
    kept = await row("SELECT meta FROM models_model WHERE id = $1", model_id)
    if kept is None:
        return None
    try:
        pictured = msgspec.json.decode(kept["meta"], type=_Pictured)
    except msgspec.MsgspecError:
        return None
    return bitmap(pictured.profile_image_url or "")


def routes(app: House) -> list[Any]:
    """Handlers that work in this house."""
    neutral = resources.files(__package__).joinpath("model.png").read_bytes()

    @get("/api/v1/models/model/profile/image", responses=PICTURE_RESPONSES)
    async def picture(
        request: Request,
        model_id: Annotated[str, QueryParameter(name="id", description="The model's id")] = "",
    ) -> JSONBytes:
        """A model's picture, never an error. One that lies elsewhere is not fetched, nor is anybody sent there."""
        return picture_reply(request, await picture_of(app, request.user, model_id), neutral)

    return [picture]
