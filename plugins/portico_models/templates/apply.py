"""Creating models from templates. Values of the caller win, by the top-level keys of `params` and `meta`."""

from typing import Any

import msgspec

from portico.api import Actor, AppContext, ValidationError
from portico_models.schemas import AccessFields, Model, ModelForm
from portico_models.service import Models
from portico_models.sharing_rules import sharing_rights_of
from portico_models.templates.schemas import ABSENT, ModelTemplate, NewModel, TemplateApplication
from portico_models.templates.service import TemplateService
from portico_models.validation import merge_objects


class TemplateApplier:
    """Applies templates to models. Raises: as `Models.create` and `update`; NotFound for the template."""

    def __init__(self, app: AppContext, models: Models) -> None:
        self._app = app
        self._models = models

    async def create(self, actor: Actor, new: NewModel, template_key: str) -> Model:
        """Create a model, from the template with this id or name unless it is empty."""
        template = await self._template(actor, template_key) if template_key else None
        if template is None:
            for name in ("meta", "params"):
                if getattr(new, name) == ABSENT:
                    error = {"type": "missing", "loc": ["body", name], "msg": "Field required"}
                    raise ValidationError([error])
        form = ModelForm(
            **await self._rights(actor, template, new),
            id=new.id,
            name=new.name,
            base_model_id=new.base_model_id,
            is_active=new.is_active,
            params=_merged("params", template.params if template else ABSENT, new.params),
            meta=_merged("meta", template.meta if template else ABSENT, new.meta),
        )
        return await self._models.create(actor, form)

    async def apply(self, actor: Actor, application: TemplateApplication) -> Model:
        """Apply a template to an existing model; keys that it does not have stay."""
        template = await self._template(actor, application.template)
        rights = await self._rights(actor, template, application, stays=True)

        def with_template(before: Model) -> ModelForm:
            return ModelForm(
                **rights,
                id=application.id,
                name=before.name,
                base_model_id=before.base_model_id,
                is_active=before.is_active,
                params=_merged("params", before.params, template.params, application.params),
                meta=_merged("meta", before.meta, template.meta, application.meta),
            )

        return await self._models.transform(actor, application.id, with_template)

    async def _template(self, actor: Actor, id_or_name: str) -> ModelTemplate:
        return await self._app.services.require(TemplateService).get(actor, id_or_name)

    async def _rights(
        self,
        actor: Actor,
        template: ModelTemplate | None,
        fields: AccessFields,
        *,
        stays: bool = False,
    ) -> dict[str, Any]:
        """Return the access fields of a form: those of the caller, else those of the template.

        Deleted users and groups are removed from a template's sharing. If the caller may not share like that, a new model is
        private, and an existing one (`stays`) keeps its sharing.
        """
        if template is None or not fields.are_absent:
            return {"access_control": fields.access_control, "access_grants": fields.access_grants}
        grants = self._app.permissions.grants
        wanted = grants.read_rights(template.access_control, template.access_grants)
        if wanted is None:
            return {}
        wanted = await grants.without_missing(wanted)
        rights_of_actor = await sharing_rights_of(self._app, actor)
        if stays and not rights_of_actor.allows(wanted):
            return {}
        return {"access_grants": rights_of_actor.restricted(wanted).grants()}


def _merged(name: str, *layers: msgspec.Raw) -> msgspec.Raw:
    """Merge objects; a single one stays as it is, byte for byte."""
    present = [layer for layer in layers if layer != ABSENT]
    return present[0] if len(present) == 1 else merge_objects(name, *present)
