"""Templates over HTTP, and models made of them."""

from typing import Annotated, Any

from litestar.params import FromQuery, JSONBody, PathParameter, QueryParameter

from portico.api import AppContext, JSONResponse, Request, delete, get, json_response, post
from portico_models.schemas import Model
from portico_models.templates.apply import TemplateApplier
from portico_models.templates.schemas import (
    ModelTemplate,
    NewModel,
    TemplateApplication,
    TemplateForm,
    TemplatePage,
)
from portico_models.templates.service import Templates
from portico_models.transfer.imported_rights import refuse_unknown_rights
from portico_models.validation import MAX_MODEL_BYTES

Key = Annotated[str, PathParameter(description="The template's id")]
KeyQuery = Annotated[str, QueryParameter(name="template", description="Its id or name")]
TEMPLATES = "/api/v1/models/templates"


def routes(app: AppContext, applying: TemplateApplier) -> list[Any]:
    """Handlers that work in this house."""

    def templates() -> Templates:
        return app.services.require(Templates)

    @get(TEMPLATES, response_type=TemplatePage)
    async def page(request: Request, *, page: FromQuery[int] = 1) -> JSONResponse:
        """Templates, 30 a page."""
        return json_response(await templates().page(request.user, page))

    @post(
        f"{TEMPLATES}/create",
        requires="template:create",
        response_type=ModelTemplate,
        max_body=MAX_MODEL_BYTES,
    )
    async def create(request: Request, data: JSONBody[TemplateForm]) -> JSONResponse:
        """A new template of the caller's."""
        refuse_unknown_rights(data, await request.body())
        return json_response(await templates().create(request.user, data))

    @get(f"{TEMPLATES}/{{template_id:str}}", response_type=ModelTemplate)
    async def one(request: Request, template_id: Key) -> JSONResponse:
        """One template, by its id or its name."""
        return json_response(await templates().get(request.user, template_id))

    @post(
        f"{TEMPLATES}/{{template_id:str}}/update",
        response_type=ModelTemplate,
        max_body=MAX_MODEL_BYTES,
    )
    async def update(
        request: Request, template_id: Key, data: JSONBody[TemplateForm]
    ) -> JSONResponse:
        """Replace a template; its id, owner and birth stay."""
        refuse_unknown_rights(data, await request.body())
        return json_response(await templates().update(request.user, template_id, data))

    @delete(f"{TEMPLATES}/{{template_id:str}}", response_type=bool)
    async def remove(request: Request, template_id: Key) -> JSONResponse:
        """Delete a template."""
        await templates().delete(request.user, template_id)
        return json_response(True)

    @post(
        "/api/v1/models/create",
        requires="model:create",
        response_type=Model,
        max_body=MAX_MODEL_BYTES,
    )
    async def create_model(
        request: Request, data: JSONBody[NewModel], template: KeyQuery = ""
    ) -> JSONResponse:
        """A new model of the caller's, made of a template if one is named."""
        refuse_unknown_rights(data, await request.body())
        return json_response(await applying.create(request.user, data, template))

    @post("/api/v1/models/model/apply-template", response_type=Model)
    async def apply(request: Request, data: JSONBody[TemplateApplication]) -> JSONResponse:
        """Lay a template over a model."""
        refuse_unknown_rights(data, await request.body())
        return json_response(await applying.apply(request.user, data))

    return [page, create, one, update, remove, create_model, apply]
