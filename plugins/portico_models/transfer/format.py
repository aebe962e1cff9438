"""What an export is on the wire and in a file: a list of models, or an object that holds one."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Annotated, BinaryIO, TypeAlias

import msgspec

from portico.api import InvalidRequest, SchemaOf, UnreadableImport, read_items
from portico_models.schemas import Model
from portico_models.templates.schemas import ModelTemplate, TemplateForm
from portico_models.templates.transfer import MOST as MOST_TEMPLATES
from portico_models.transfer.items import MOST, ImportedModel, unlike_a_model
from portico_models.validation import MAX_MODEL_VALUES

#: A model, or a template, that is still the bytes it came as.
RawModel: TypeAlias = Annotated[msgspec.Raw, SchemaOf(ImportedModel)]
RawTemplate: TypeAlias = Annotated[msgspec.Raw, SchemaOf(TemplateForm)]


class ExportDocument(msgspec.Struct):
    """What is taken along, if templates are."""

    models: list[Model]
    templates: list[ModelTemplate]


class ImportDocument(msgspec.Struct):
    """What is brought in. Each model, and each template, is still the bytes it came as.

    `under`: the names on the way to the models.
    """

    models: list[RawModel] = []
    templates: list[RawTemplate] = []
    body_path: tuple[str, ...] = ()


class ImportedLists(msgspec.Struct):
    """What an export holds, as it is described to clients."""

    models: list[RawModel]
    templates: list[RawTemplate] = []


#: The body of an import: lists, a list of models alone, or a single one; also several of them after one another.
ImportBody: TypeAlias = Annotated[
    msgspec.Raw, SchemaOf(ImportedLists | list[ImportedModel] | ImportedModel)
]


async def read_import(file: BinaryIO) -> ImportDocument:
    """Everything an export holds, in whatever form. Raises: UnreadableImport if it is none; Invalid for too many."""
    return await asyncio.to_thread(_read_import, file)


def _read_import(file: BinaryIO) -> ImportDocument:
    """In a thread: a megabyte of brackets takes a second, in steps between which the loop gets its turn."""
    found = ImportDocument()
    keys = ("models", "templates")
    for item in read_items(file, keys, "models", max_values=MAX_MODEL_VALUES):
        raw = msgspec.Raw(item.text)
        if item.key == "templates":
            found.templates.append(raw)
            _check_count(found.templates, MOST_TEMPLATES, "templates")
        else:
            if item.is_alone and unlike_a_model(raw):
                raise UnreadableImport(
                    "this is no export of models: it is an object of another kind"
                )
            found.body_path = (item.key,) if item.key else ()
            found.models.append(raw)
            _check_count(found.models, MOST, "models")
    return found


def _check_count(found: list[msgspec.Raw], most: int, what: str) -> None:
    if len(found) > most:
        raise InvalidRequest(f"[ERROR: at most {most} {what} at once]")


async def with_templates(
    array: AsyncIterator[bytes], templates: Sequence[ModelTemplate]
) -> AsyncIterator[bytes]:
    """An array of models in an object that holds templates too."""
    yield b'{"models":'
    async for part in array:
        yield part
    yield b',"templates":' + msgspec.json.encode(templates) + b"}"
