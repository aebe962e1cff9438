"""The routes of models. What they do is in `service.py`."""

from typing import Annotated, Any

import msgspec
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromQuery, JSONBody, QueryParameter

from portico.api import House, JSONBytes, Misshapen, Request, get, post
from portico_models.listing import ListQuery
from portico_models.schemas import Model, ModelForm, ModelId, ModelPage
from portico_models.service import Models

TAGS = ["models"]
YES, NO = ("true", "1", "yes", "on"), ("false", "0", "no", "off", "")

ModelIdQuery = Annotated[str, QueryParameter(name="id")]


def routes(app: House) -> list[Any]:
    """Handlers that work in this house."""
    models = Models(app)

    @get(["/api/models", "/api/v1/models"], tags=TAGS)
    async def entries(request: Request, refresh: FromQuery[str] = "") -> JSONBytes:
        """Every model the caller may use. `refresh`: ask all sources anew."""
        return JSONBytes(await app.catalogue.entries_json(request.user, refresh=_truth(refresh)))

    @get("/api/models/base", access="admin", tags=TAGS)
    async def base_entries() -> JSONBytes:
        """What the sources offer, before anything is laid over it."""
        return JSONBytes(await app.catalogue.base_entries_json())

    @get("/api/v1/models/base", access="admin", tags=TAGS, responses=_answer(list[Model]))
    async def overrides() -> JSONBytes:
        """Every record that changes a source's model."""
        return _json(await models.overrides())

    @get("/api/v1/models/list", tags=TAGS, responses=_answer(ModelPage))
    async def page(
        request: Request,
        *,
        text: Annotated[str, QueryParameter(name="query")] = "",
        view_option: FromQuery[str] = "",
        tag: FromQuery[str] = "",
        order_by: FromQuery[str] = "",
        direction: FromQuery[str] = "",
        page: FromQuery[int] = 1,
    ) -> JSONBytes:
        """Presets: the caller's own, those they may write, and public ones; newest first unless asked."""
        asked = ListQuery(
            query=text,
            view_option=view_option,
            tag=tag,
            order_by=order_by,
            direction=direction,
            page=page,
        )
        return _json(await models.page(request.user, asked))

    @get("/api/v1/models/model", tags=TAGS, responses=_answer(Model))
    async def one(request: Request, model_id: ModelIdQuery) -> JSONBytes:
        """One record. The id is in the query, for it may hold slashes."""
        return _json(await models.get(request.user, model_id))

    @post(
        "/api/v1/models/create",
        permission="workspace.models",
        tags=TAGS,
        responses=_answer(Model),
    )
    async def create(request: Request, data: JSONBody[ModelForm]) -> JSONBytes:
        """A new record of the caller's."""
        return _json(await models.create(request.user, data))

    @post("/api/v1/models/model/update", tags=TAGS, responses=_answer(Model))
    async def update(request: Request, data: JSONBody[ModelForm]) -> JSONBytes:
        """Replace a record; its id, owner and birth stay."""
        return _json(await models.update(request.user, data))

    @post("/api/v1/models/model/delete", tags=TAGS, responses=_answer(bool))
    async def delete(request: Request, data: JSONBody[ModelId]) -> JSONBytes:
        """Delete a record."""
        await models.delete(request.user, data.id)
        return _json(True)

    return [entries, base_entries, overrides, page, one, create, update, delete]


def _json(value: Any) -> JSONBytes:
    return JSONBytes(msgspec.json.encode(value))


def _answer(kind: Any) -> dict[int, ResponseSpec]:
    return {200: ResponseSpec(kind, generate_examples=False)}


def _truth(text: str) -> bool:
    """A query's yes or no. Raises: Misshapen for anything else."""
    if text.lower() not in (*YES, *NO):
        fault = {
            "type": "bool_parsing",
            "loc": ["query", "refresh"],
            "msg": "Expected true or false",
        }
        raise Misshapen([fault])
    return text.lower() in YES
