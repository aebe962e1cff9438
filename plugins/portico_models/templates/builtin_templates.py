"""The templates that come with Portico: files of this package, the same for everybody."""

from collections.abc import Sequence
from importlib import resources

import msgspec

from portico_models.templates.schemas import ModelTemplate, TemplateForm


def built_in_templates() -> Sequence[ModelTemplate]:
    """All of them, in the order of their names. Reads the files; keep the result."""
    folder = resources.files(__package__).joinpath("builtin")
    files = {file.name.removesuffix(".json"): file.read_bytes() for file in folder.iterdir()}
    found = [_template(name, content) for name, content in files.items()]
    return sorted(found, key=lambda one: one.name)


def _template(template_id: str, content: bytes) -> ModelTemplate:
    form = msgspec.json.decode(content, type=TemplateForm)
    return ModelTemplate(
        id=template_id,
        name=form.name,
        description=form.description,
        params=form.params,
        meta=form.meta,
        built_in=True,
    )
