"""Creating models from templates. Values of the caller win, by the top-level keys of `params` and `meta`."""

import msgspec

from portico.api import AppContext
from portico.api.auth import Actor
from portico.api.json import field_error
from portico.api.resources import RequestedSharing
from portico_models.fields.schemas import Model, ModelForm
from portico_models.fields.validation import merge_objects
from portico_models.templates.schemas import ABSENT, ModelTemplate, NewModel, TemplateApplication
from portico_models.templates.service import TemplateService
from portico_models.workspace.access import model_table
from portico_models.workspace.service import Models


class TemplateApplier:
    """Applies templates to models. Raises: as `Models.create` and `update`; NotFound for the template."""

    def __init__(self, app: AppContext, models: Models, templates: TemplateService) -> None:
        self._app = app
        self._models = models
        self._templates = templates

    async def create(
        self,
        actor: Actor,
        new: NewModel,
        sharing: RequestedSharing | None,
        template_key: str,
    ) -> Model:
        """Create a model, from the template with this id or name unless it is empty."""
        template = await self._template(actor, template_key) if template_key else None
        if template is None:
            for name in ("meta", "params"):
                if getattr(new, name) == ABSENT:
                    raise field_error(name, "missing", "Field required")
        form = ModelForm(
            id=new.id,
            name=new.name,
            base_model_id=new.base_model_id,
            is_active=new.is_active,
            params=_merged("params", template.params if template else ABSENT, new.params),
            meta=_merged("meta", template.meta if template else ABSENT, new.meta),
        )
        if sharing is None and template is not None:
            sharing = await self._template_sharing(actor, template)
        return await self._models.create(actor, form, sharing)

    async def apply(
        self, actor: Actor, application: TemplateApplication, sharing: RequestedSharing | None
    ) -> Model:
        """Apply a template to an existing model; keys that it does not have stay."""
        template = await self._template(actor, application.template)
        if sharing is None:
            sharing = await self._template_sharing(actor, template, keeps_forbidden=True)

        def with_template(before: Model) -> ModelForm:
            return ModelForm(
                id=application.id,
                name=before.name,
                base_model_id=before.base_model_id,
                is_active=before.is_active,
                params=_merged("params", before.params, template.params, application.params),
                meta=_merged("meta", before.meta, template.meta, application.meta),
            )

        return await self._models.transform(actor, application.id, sharing, with_template)

    async def _template(self, actor: Actor, id_or_name: str) -> ModelTemplate:
        return await self._templates.get(actor, id_or_name)

    async def _template_sharing(
        self, actor: Actor, template: ModelTemplate, *, keeps_forbidden: bool = False
    ) -> RequestedSharing | None:
        """Return the sharing of a template without deleted users and groups; None if it does not specify any.

        If the caller may not share like that, it is private; with `keeps_forbidden`, None: the model keeps its sharing.
        """
        grants = self._app.permissions.grants
        wanted = grants.read_rights(template.access_control, template.access_grants)
        if wanted is None:
            return None
        wanted = await grants.without_missing(wanted)
        rights = await model_table(self._app).rights_of(actor)
        if keeps_forbidden and not rights.allows(wanted):
            return None
        return RequestedSharing(rights.restricted(wanted))


def _merged(name: str, *layers: msgspec.Raw) -> msgspec.Raw:
    """Merge objects; a single one stays as it is, byte for byte."""
    present = [layer for layer in layers if layer != ABSENT]
    return present[0] if len(present) == 1 else merge_objects(name, *present)
