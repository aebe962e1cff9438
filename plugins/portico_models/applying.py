"""Making models of templates. What the caller sets wins, key by key at the top of `params` and `meta`."""

import msgspec

from portico.api import Actor, House, Misshapen
from portico_models.documents import merged
from portico_models.schemas import Model, ModelForm
from portico_models.service import Models
from portico_models.template_schemas import ABSENT, Application, NewModel, Template
from portico_models.templates import Templates


class Applying:
    """Templates and models brought together. Raises: as `Models.create` and `update`; NotFound for the template."""

    def __init__(self, app: House, models: Models) -> None:
        self._app = app
        self._models = models

    async def create(self, actor: Actor, new: NewModel, template: str) -> Model:
        """A new model, made of a template if one is named, by id or name."""
        found = await self._template(actor, template) if template else None
        if found is None:
            for name in ("meta", "params"):
                if getattr(new, name) == ABSENT:
                    fault = {"type": "missing", "loc": ["body", name], "msg": "Field required"}
                    raise Misshapen([fault])
        form = ModelForm(
            id=new.id,
            name=new.name,
            base_model_id=new.base_model_id,
            is_active=new.is_active,
            params=_laid("params", found.params if found else ABSENT, new.params),
            meta=_laid("meta", found.meta if found else ABSENT, new.meta),
            access_control=await self._access(found, new.access_control, msgspec.Raw(b"null")),
        )
        return await self._models.create(actor, form)

    async def apply(self, actor: Actor, asked: Application) -> Model:
        """Lay a template over a model that exists; keys it does not have stay as they are."""
        template = await self._template(actor, asked.template)
        access = await self._access(template, asked.access_control, ABSENT)

        def laid_over(before: Model) -> ModelForm:
            return ModelForm(
                id=asked.id,
                name=before.name,
                base_model_id=before.base_model_id,
                is_active=before.is_active,
                params=_laid("params", before.params, template.params, asked.params),
                meta=_laid("meta", before.meta, template.meta, asked.meta),
                access_control=before.access_control if access == ABSENT else access,
            )

        return await self._models.rework(actor, asked.id, laid_over)

    async def _template(self, actor: Actor, key: str) -> Template:
        return await self._app.services.need(Templates).get(actor, key)

    async def _access(
        self, template: Template | None, asked: msgspec.Raw, otherwise: msgspec.Raw
    ) -> msgspec.Raw:
        """Who has access: as the caller says, else as the template says, without those who are gone."""
        if asked != ABSENT:
            return asked
        if template is None or template.access_control is msgspec.UNSET:
            return otherwise
        grants = self._app.permissions.grants
        return (await grants.still(grants.read(template.access_control))).document()


def _laid(name: str, *layers: msgspec.Raw) -> msgspec.Raw:
    """Objects over one another; a single one stays as it is, byte for byte."""
    present = [layer for layer in layers if layer != ABSENT]
    return present[0] if len(present) == 1 else merged(name, *present)
