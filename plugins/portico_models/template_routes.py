"""HTTP routes of templates, and of applying one to a model."""

from typing import Annotated

from litestar.params import FromQuery, JSONBody, PathParameter

from portico.api.resources import read_sharing
from portico.api.web import Controller, JSONResponse, Request, delete, get, json_response, post
from portico_models.components import ModelsPlugin
from portico_models.fields.schemas import Model
from portico_models.fields.validation import MAX_MODEL_BYTES
from portico_models.templates.schemas import (
    ModelTemplate,
    TemplateApplication,
    TemplateForm,
    TemplatePage,
)

TemplateId = Annotated[str, PathParameter(description="The template's id")]
TEMPLATES = "/api/v1/models/templates"


class TemplateRoutes(Controller):
    """`/api/v1/models/templates` and `/api/v1/models/model/apply-template`."""

    plugin: ModelsPlugin

    @get(TEMPLATES, response_type=TemplatePage)
    async def list_templates(self, request: Request, *, page: FromQuery[int] = 1) -> JSONResponse:
        """List templates, 30 a page, built-in ones first."""
        return json_response(await self.plugin.templates.page(request.user, page))

    @post(
        f"{TEMPLATES}/create",
        requires="template:create",
        response_type=ModelTemplate,
        max_body=MAX_MODEL_BYTES,
    )
    async def create(self, request: Request, data: JSONBody[TemplateForm]) -> JSONResponse:
        """Create a template owned by the caller."""
        sharing = read_sharing(data, await request.body())
        return json_response(await self.plugin.templates.create(request.user, data, sharing))

    @get(f"{TEMPLATES}/{{template_id:str}}", response_type=ModelTemplate)
    async def get_template(self, request: Request, template_id: TemplateId) -> JSONResponse:
        """Return one template, found by its id or its name."""
        return json_response(await self.plugin.templates.get(request.user, template_id))

    @post(
        f"{TEMPLATES}/{{template_id:str}}/update",
        response_type=ModelTemplate,
        max_body=MAX_MODEL_BYTES,
    )
    async def update(
        self, request: Request, template_id: TemplateId, data: JSONBody[TemplateForm]
    ) -> JSONResponse:
        """Replace a template. Its id, owner and creation time stay."""
        sharing = read_sharing(data, await request.body())
        templates = self.plugin.templates
        return json_response(await templates.update(request.user, template_id, data, sharing))

    @delete(f"{TEMPLATES}/{{template_id:str}}", response_type=bool)
    async def delete_template(self, request: Request, template_id: TemplateId) -> JSONResponse:
        """Delete a template."""
        await self.plugin.templates.delete(request.user, template_id)
        return json_response(True)

    @post("/api/v1/models/model/apply-template", response_type=Model)
    async def apply(self, request: Request, data: JSONBody[TemplateApplication]) -> JSONResponse:
        """Apply a template to an existing model."""
        sharing = read_sharing(data, await request.body())
        return json_response(await self.plugin.template_applier.apply(request.user, data, sharing))
