"""HTTP routes of templates, and of applying one to a model."""

from typing import Annotated, Any

from litestar.params import FromQuery, JSONBody, PathParameter

from portico.api import AppContext, JSONResponse, Request, delete, get, json_response, post
from portico_models.access_fields import reject_unknown_access_keys
from portico_models.schemas import Model
from portico_models.templates.apply import TemplateApplier
from portico_models.templates.schemas import (
    ModelTemplate,
    TemplateApplication,
    TemplateForm,
    TemplatePage,
)
from portico_models.templates.service import TemplateService
from portico_models.validation import MAX_MODEL_BYTES

TemplateId = Annotated[str, PathParameter(description="The template's id")]
TEMPLATES = "/api/v1/models/templates"


def routes(app: AppContext, applier: TemplateApplier) -> list[Any]:
    """Return the handlers of templates."""

    def templates() -> TemplateService:
        return app.services.require(TemplateService)

    @get(TEMPLATES, response_type=TemplatePage)
    async def list_templates(request: Request, *, page: FromQuery[int] = 1) -> JSONResponse:
        """List templates, 30 a page, built-in ones first."""
        return json_response(await templates().page(request.user, page))

    @post(
        f"{TEMPLATES}/create",
        requires="template:create",
        response_type=ModelTemplate,
        max_body=MAX_MODEL_BYTES,
    )
    async def create_template(request: Request, data: JSONBody[TemplateForm]) -> JSONResponse:
        """Create a template owned by the caller."""
        reject_unknown_access_keys(data, await request.body())
        return json_response(await templates().create(request.user, data))

    @get(f"{TEMPLATES}/{{template_id:str}}", response_type=ModelTemplate)
    async def get_template(request: Request, template_id: TemplateId) -> JSONResponse:
        """Return one template, found by its id or its name."""
        return json_response(await templates().get(request.user, template_id))

    @post(
        f"{TEMPLATES}/{{template_id:str}}/update",
        response_type=ModelTemplate,
        max_body=MAX_MODEL_BYTES,
    )
    async def update_template(
        request: Request, template_id: TemplateId, data: JSONBody[TemplateForm]
    ) -> JSONResponse:
        """Replace a template. Its id, owner and creation time stay."""
        reject_unknown_access_keys(data, await request.body())
        return json_response(await templates().update(request.user, template_id, data))

    @delete(f"{TEMPLATES}/{{template_id:str}}", response_type=bool)
    async def delete_template(request: Request, template_id: TemplateId) -> JSONResponse:
        """Delete a template."""
        await templates().delete(request.user, template_id)
        return json_response(True)

    @post("/api/v1/models/model/apply-template", response_type=Model)
    async def apply_template(request: Request, data: JSONBody[TemplateApplication]) -> JSONResponse:
        """Apply a template to an existing model."""
        reject_unknown_access_keys(data, await request.body())
        return json_response(await applier.apply(request.user, data))

    return [
        list_templates,
        create_template,
        get_template,
        update_template,
        delete_template,
        apply_template,
    ]
