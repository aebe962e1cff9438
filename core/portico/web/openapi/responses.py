"""What the description of the API says beyond the types of handlers: how a route refuses, and what stays bytes."""

from collections.abc import Callable
from dataclasses import dataclass
from inspect import Parameter, signature
from typing import Annotated, Any, TypeAlias

import msgspec
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Operation, Reference, RequestBody, Schema
from litestar.plugins import OpenAPISchemaPlugin
from litestar.typing import FieldDefinition

from portico import errors
from portico.web.errors import STATUS


class ErrorResponse(msgspec.Struct):
    """Why a request is refused, in a sentence."""

    detail: str


class FieldError(msgspec.Struct):
    """One place that does not fit. `loc`: the way there, from `body`, `query` or `path`."""

    type: str
    loc: list[str | int]
    msg: str


class ValidationErrorResponse(msgspec.Struct):
    """Everything about a request that does not fit its description."""

    detail: list[FieldError]


def responses(
    handler: Callable[..., Any], *, access: str, answers: Any, limited: bool = False
) -> dict[int, ResponseSpec]:
    """How a route answers, by status: well, and every refusal it may come to, as far as its signature tells."""
    asked = [name for name in signature(handler).parameters if name != "request"]
    kinds: list[type[errors.DomainError]] = [errors.Unavailable]
    if access != "public":
        kinds += [errors.Unauthenticated, errors.Forbidden]
    elif asked:
        kinds.append(errors.RateLimited)
    if limited:
        kinds.append(errors.RateLimited)
    if asked:
        kinds += [errors.InvalidRequest, errors.ValidationError, errors.NotFound]
    if "data" in asked:
        kinds.append(errors.TooLarge)
    described = {STATUS[kind]: _error_spec(kind) for kind in kinds}
    if answers is not None:
        described[200] = ResponseSpec(answers, generate_examples=False, description="As asked for.")
    return dict(sorted(described.items()))


def _error_spec(kind: type[errors.DomainError]) -> ResponseSpec:
    body = ValidationErrorResponse if kind is errors.ValidationError else ErrorResponse
    why = (kind.__doc__ or "").partition("\n")[0]
    return ResponseSpec(body, generate_examples=False, description=why)


@dataclass
class OptionalBodyOperation(Operation):
    """An operation that can do without a body, which Litestar has no word for."""

    def __post_init__(self) -> None:
        if isinstance(self.request_body, RequestBody):
            self.request_body.required = False


def operation_of(handler: Callable[..., Any]) -> type[Operation]:
    """How a route is described as an operation."""
    body = signature(handler).parameters.get("data")
    return OptionalBodyOperation if body and body.default is not Parameter.empty else Operation


@dataclass(frozen=True)
class SchemaOf:
    """`Annotated[msgspec.Raw, SchemaOf(kind)]`: bytes for us, and for clients JSON of this kind."""

    kind: Any


#: A JSON object that stays the bytes it came as.
JSONObject: TypeAlias = Annotated[msgspec.Raw, SchemaOf(dict[str, Any])]


class SchemaPlugin(OpenAPISchemaPlugin):
    """Lets Litestar describe what is `SchemaOf` something else."""

    def is_plugin_supported_field(self, field_definition: FieldDefinition) -> bool:
        """Called by Litestar of every field and parameter."""
        return field_definition.has_metadata(SchemaOf) or _said(field_definition) is not None

    def to_openapi_schema(  # type: ignore[override]  # a reference is fine, and what Litestar's own plugins return
        self, field_definition: FieldDefinition, schema_creator: Any
    ) -> Schema | Reference:
        """Called by Litestar. The description of the other kind."""
        if (said := _said(field_definition)) is not None:
            found: Schema | Reference = schema_creator.for_field_definition(said)
            return found
        described = next(one for one in field_definition.metadata if isinstance(one, SchemaOf))
        other = FieldDefinition.from_annotation(described.kind, name=field_definition.name)
        schema: Schema | Reference = schema_creator.for_field_definition(other)
        return schema


def _said(field: FieldDefinition) -> FieldDefinition | None:
    """What `kind | UnsetType` is, if it is said; None for any other field, and where there are several kinds."""
    kinds = [one for one in field.inner_types or () if one.annotation is not msgspec.UnsetType]
    is_described = len(kinds) == 1 and kinds[0].has_metadata(SchemaOf)
    return kinds[0] if field.is_union and is_described else None
