"""Parts of the OpenAPI document that handler types do not give: error responses, and JSON that stays bytes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from inspect import Parameter, signature
from typing import Any, Final, Literal

import msgspec
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import (
    OpenAPIFormat,
    OpenAPIMediaType,
    OpenAPIType,
    Operation,
    Reference,
    RequestBody,
    Schema,
)
from litestar.plugins import OpenAPISchemaPlugin
from litestar.typing import FieldDefinition

from portico import errors
from portico.web.error_format import ErrorFormat
from portico.web.errors import STATUS
from portico.web.openapi.schema_of import SchemaOf


class ErrorResponse(msgspec.Struct):
    """The reason why a request is refused, as one sentence."""

    detail: str


class FieldError(msgspec.Struct):
    """One invalid field. `loc`: the path to it, starting with `body`, `query` or `path`."""

    type: str
    loc: list[str | int]
    msg: str


class ValidationErrorResponse(msgspec.Struct):
    """All invalid fields of a request."""

    detail: list[FieldError]


class OpenAIError(msgspec.Struct):
    """An error as OpenAI's client packages read it."""

    message: str
    type: str
    param: str | None
    code: str | None


class OpenAIErrorResponse(msgspec.Struct):
    """The reason why a request is refused, and the same for OpenAI's client packages."""

    detail: str | list[FieldError]
    error: OpenAIError


class AnthropicError(msgspec.Struct):
    """An error as Anthropic's client packages read it."""

    type: str
    message: str


class AnthropicErrorResponse(msgspec.Struct):
    """The reason why a request is refused, and the same for Anthropic's client packages."""

    type: Literal["error"]
    error: AnthropicError
    detail: str | list[FieldError]


class OllamaErrorResponse(msgspec.Struct):
    """The reason why a request is refused, and the same for Ollama's client packages."""

    detail: str | list[FieldError]
    error: str


_BODIES: Final[Mapping[ErrorFormat, type]] = {
    "openai": OpenAIErrorResponse,
    "anthropic": AnthropicErrorResponse,
    "ollama": OllamaErrorResponse,
}


def responses(
    handler: Callable[..., Any],
    *,
    access: str,
    answers: Any,
    limited: bool = False,
    form: ErrorFormat | None = None,
) -> dict[int, ResponseSpec]:
    """Return the responses of a route by status: success, and the errors that its signature and access level imply.

    `form`: whose client packages read its errors.
    """
    parameters = [name for name in signature(handler).parameters if name not in ("self", "request")]
    kinds: list[type[errors.DomainError]] = [errors.Unavailable]
    if access != "public":
        kinds += [errors.Unauthenticated, errors.Forbidden]
    elif parameters:
        kinds.append(errors.RateLimited)
    if limited:
        kinds.append(errors.RateLimited)
    if parameters:
        kinds += [errors.InvalidRequest, errors.ValidationError, errors.NotFound]
    if "data" in parameters:
        kinds.append(errors.TooLarge)
    described = {STATUS[kind]: _error_spec(kind, form) for kind in kinds}
    if answers is not None:
        described[200] = ResponseSpec(
            answers, generate_examples=False, description="The requested data."
        )
    return dict(sorted(described.items()))


def _error_spec(kind: type[errors.DomainError], form: ErrorFormat | None) -> ResponseSpec:
    body: type = ValidationErrorResponse if kind is errors.ValidationError else ErrorResponse
    if form is not None:
        body = _BODIES[form]
    why = (kind.__doc__ or "").partition("\n")[0]
    return ResponseSpec(body, generate_examples=False, description=why)


@dataclass
class OptionalBodyOperation(Operation):
    """An operation with an optional body, which Litestar cannot express."""

    def __post_init__(self) -> None:
        if isinstance(self.request_body, RequestBody):
            self.request_body.required = False


def form_operation(fields: Mapping[str, str]) -> type[Operation]:
    """Return the class of an operation whose body is a multipart form, which its handler reads piece by piece.

    `fields`: what each is, by name; the one named `file` is a file.
    """
    properties: dict[str, Reference | Schema] = {
        name: Schema(
            type=OpenAPIType.STRING,
            format=OpenAPIFormat.BINARY if name == "file" else None,
            description=description,
        )
        for name, description in fields.items()
    }
    schema = Schema(type=OpenAPIType.OBJECT, properties=properties, required=["file"])

    @dataclass
    class FormOperation(Operation):
        """An operation whose body is a form."""

        def __post_init__(self) -> None:
            content = {"multipart/form-data": OpenAPIMediaType(schema=schema)}
            self.request_body = RequestBody(content=content, required=True)

    return FormOperation


def operation_of(handler: Callable[..., Any]) -> type[Operation]:
    """Return the class of the OpenAPI operation of a handler."""
    body = signature(handler).parameters.get("data")
    return OptionalBodyOperation if body and body.default is not Parameter.empty else Operation


class SchemaPlugin(OpenAPISchemaPlugin):
    """Makes Litestar describe fields with `SchemaOf` by the kind that it names."""

    def is_plugin_supported_field(self, field_definition: FieldDefinition) -> bool:
        """Return whether this plugin describes the field. Called by Litestar for every field and parameter."""
        return field_definition.has_metadata(SchemaOf) or _set_type(field_definition) is not None

    def to_openapi_schema(  # type: ignore[override]  # a reference is what Litestar's own plugins return too
        self, field_definition: FieldDefinition, schema_creator: Any
    ) -> Schema | Reference:
        """Return the schema of the kind. Called by Litestar."""
        if (set_type := _set_type(field_definition)) is not None:
            found: Schema | Reference = schema_creator.for_field_definition(set_type)
            return found
        described = next(one for one in field_definition.metadata if isinstance(one, SchemaOf))
        other = FieldDefinition.from_annotation(described.kind, name=field_definition.name)
        schema: Schema | Reference = schema_creator.for_field_definition(other)
        return schema


def _set_type(field: FieldDefinition) -> FieldDefinition | None:
    """Return the kind of `kind | UnsetType`; None for other fields, and for unions of several kinds."""
    kinds = [one for one in field.inner_types or () if one.annotation is not msgspec.UnsetType]
    is_described = len(kinds) == 1 and kinds[0].has_metadata(SchemaOf)
    return kinds[0] if field.is_union and is_described else None
