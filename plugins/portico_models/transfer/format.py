"""The format of exports, on the wire and in files: a list of models, or an object that contains one."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Annotated, BinaryIO, TypeAlias

import msgspec

from portico.api import InvalidRequest
from portico.api.json import SchemaOf, UnreadableImport, read_items
from portico_models.fields.schemas import Model
from portico_models.fields.validation import MAX_IMPORTED_MODEL_BYTES, MAX_MODEL_VALUES
from portico_models.templates.schemas import ModelTemplate, TemplateForm
from portico_models.transfer.items import MAX_MODELS, ImportedModel, is_not_a_model
from portico_models.transfer.templates import MAX_TEMPLATES

#: A model, or a template, still as bytes.
RawModel: TypeAlias = Annotated[msgspec.Raw, SchemaOf(ImportedModel)]
RawTemplate: TypeAlias = Annotated[msgspec.Raw, SchemaOf(TemplateForm)]


class ExportDocument(msgspec.Struct):
    """An export with templates."""

    models: list[Model]
    templates: list[ModelTemplate]


class ImportDocument(msgspec.Struct):
    """The models and templates of an import, each still as bytes.

    `body_path`: the keys on the way to the models.
    """

    models: list[RawModel] = []
    templates: list[RawTemplate] = []
    body_path: tuple[str, ...] = ()


class ImportedLists(msgspec.Struct):
    """The content of an export, for OpenAPI."""

    models: list[RawModel]
    templates: list[RawTemplate] = []


#: The body of an import: lists, a list of models alone, or a single one; also several of these in sequence.
ImportBody: TypeAlias = Annotated[
    msgspec.Raw, SchemaOf(ImportedLists | list[ImportedModel] | ImportedModel)
]


async def read_import(file: BinaryIO) -> ImportDocument:
    """Return everything an export contains, in any form.

    Raises: UnreadableImport if it is not an export; InvalidRequest if it contains too many items.
    """
    return await asyncio.to_thread(_read_import, file)


def _read_import(file: BinaryIO) -> ImportDocument:
    """Runs in a thread: a megabyte of brackets takes a second, in steps between which the event loop runs."""
    document = ImportDocument()
    keys = ("models", "templates")
    for item in read_items(
        file,
        keys,
        "models",
        max_bytes=MAX_IMPORTED_MODEL_BYTES,
        max_values=MAX_MODEL_VALUES,
    ):
        raw = msgspec.Raw(item.text)
        if item.key == "templates":
            document.templates.append(raw)
            _check_count(document.templates, MAX_TEMPLATES, "templates")
        else:
            if item.is_alone and is_not_a_model(raw):
                raise UnreadableImport(
                    "this is not an export of models: the object has no model id"
                )
            document.body_path = (item.key,) if item.key else ()
            document.models.append(raw)
            _check_count(document.models, MAX_MODELS, "models")
    return document


def _check_count(items: list[msgspec.Raw], limit: int, kind: str) -> None:
    if len(items) > limit:
        raise InvalidRequest(f"[ERROR: at most {limit} {kind} at once]")


async def with_templates(
    array: AsyncIterator[bytes], templates: Sequence[ModelTemplate]
) -> AsyncIterator[bytes]:
    """Yield an object that contains an array of models and one of templates."""
    yield b'{"models":'
    async for part in array:
        yield part
    yield b',"templates":' + msgspec.json.encode(templates) + b"}"
