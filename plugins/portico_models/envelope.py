"""What an export is on the wire and in a file: a list of models, or an object that holds one."""

from collections.abc import AsyncIterator, Sequence
from typing import Annotated, TypeAlias

import msgspec

from portico.api import DescribedAs, Invalid, mended
from portico_models.incoming import Incoming
from portico_models.schemas import Model
from portico_models.template_schemas import Template, TemplateForm

#: A model, or a template, that is still the bytes it came as.
RawModel: TypeAlias = Annotated[msgspec.Raw, DescribedAs(Incoming)]
RawTemplate: TypeAlias = Annotated[msgspec.Raw, DescribedAs(TemplateForm)]


class Exported(msgspec.Struct):
    """What is taken along, if templates are."""

    models: list[Model]
    templates: list[Template]


class Imported(msgspec.Struct):
    """What is brought in. Each model, and each template, is still the bytes it came as."""

    models: list[RawModel]
    templates: list[RawTemplate] = []


#: What an export holds, or the list alone.
ImportForm: TypeAlias = Imported | list[RawModel]


_DECODER: msgspec.json.Decoder[ImportForm] = msgspec.json.Decoder(ImportForm)


def models_in(form: ImportForm) -> tuple[Sequence[msgspec.Raw], tuple[str, ...]]:
    """The models, and the names on the way to them."""
    return (form, ()) if isinstance(form, list) else (form.models, ("models",))


def templates_in(form: ImportForm) -> Sequence[msgspec.Raw]:
    """The templates, if there are any."""
    return () if isinstance(form, list) else form.templates


def read_file(text: bytes) -> ImportForm:
    """What a file holds. Raises: Invalid if it is no export."""
    try:
        return _DECODER.decode(mended(text))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise Invalid(f"this is no export of models: {error}") from None


async def with_templates(
    array: AsyncIterator[bytes], templates: Sequence[Template]
) -> AsyncIterator[bytes]:
    """An array of models in an object that holds templates too."""
    yield b'{"models":'
    async for part in array:
        yield part
    yield b',"templates":' + msgspec.json.encode(templates) + b"}"
