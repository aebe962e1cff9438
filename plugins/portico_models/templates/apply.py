"""Making models of templates. What the caller sets wins, key by key at the top of `params` and `meta`."""

from typing import Any

import msgspec

from portico.api import Actor, AppContext, ValidationError
from portico_models.schemas import Model, ModelForm, Rights
from portico_models.service import Models
from portico_models.sharing_rules import sharing_rights_of
from portico_models.templates.schemas import ABSENT, ModelTemplate, NewModel, TemplateApplication
from portico_models.templates.service import Templates
from portico_models.validation import merged


class TemplateApplier:
    """Templates and models brought together. Raises: as `Models.create` and `update`; NotFound for the template."""

    def __init__(self, app: AppContext, models: Models) -> None:
        self._app = app
        self._models = models

    async def create(self, actor: Actor, new: NewModel, template: str) -> Model:
        """A new model, made of a template if one is named, by id or name."""
        found = await self._template(actor, template) if template else None
        if found is None:
            for name in ("meta", "params"):
                if getattr(new, name) == ABSENT:
                    fault = {"type": "missing", "loc": ["body", name], "msg": "Field required"}
                    raise ValidationError([fault])
        form = ModelForm(
            **await self._rights(actor, found, new),
            id=new.id,
            name=new.name,
            base_model_id=new.base_model_id,
            is_active=new.is_active,
            params=_laid("params", found.params if found else ABSENT, new.params),
            meta=_laid("meta", found.meta if found else ABSENT, new.meta),
        )
        return await self._models.create(actor, form)

    async def apply(self, actor: Actor, asked: TemplateApplication) -> Model:
        """Lay a template over a model that exists; keys it does not have stay as they are."""
        template = await self._template(actor, asked.template)
        rights = await self._rights(actor, template, asked, stays=True)

        def laid_over(before: Model) -> ModelForm:
            return ModelForm(
                **rights,
                id=asked.id,
                name=before.name,
                base_model_id=before.base_model_id,
                is_active=before.is_active,
                params=_laid("params", before.params, template.params, asked.params),
                meta=_laid("meta", before.meta, template.meta, asked.meta),
            )

        return await self._models.transform(actor, asked.id, laid_over)

    async def _template(self, actor: Actor, key: str) -> ModelTemplate:
        return await self._app.services.require(Templates).get(actor, key)

    async def _rights(
        self, actor: Actor, template: ModelTemplate | None, asked: Rights, *, stays: bool = False
    ) -> dict[str, Any]:
        """Who has access, as fields of a form: as the caller says, else as the template says.

        Those who are gone are left out of what a template says. Where the caller may not share like that, a new
        model is private, and one that is there (`stays`) keeps what it has.
        """
        if template is None or not asked.are_unsaid:
            return {"access_control": asked.access_control, "access_grants": asked.access_grants}
        grants = self._app.permissions.grants
        wanted = grants.read_rights(template.access_control, template.access_grants)
        if wanted is None:
            return {}
        wanted = await grants.without_missing(wanted)
        reach = await sharing_rights_of(self._app, actor)
        if stays and not reach.allows(wanted):
            return {}
        return {"access_grants": reach.restricted(wanted).grants()}


def _laid(name: str, *layers: msgspec.Raw) -> msgspec.Raw:
    """Objects over one another; a single one stays as it is, byte for byte."""
    present = [layer for layer in layers if layer != ABSENT]
    return present[0] if len(present) == 1 else merged(name, *present)
