"""JSON bodies of handlers, which Litestar gets decoded.

Handlers declare `data: SomeStruct` and get one, decoded in a single pass from the bytes; fields typed `msgspec.Raw`
stay bytes.
"""

from typing import Any

from litestar.dto import AbstractDTO
from litestar.openapi.spec import Reference, Schema
from litestar.typing import FieldDefinition

from portico.errors import ValidationError, fault


class StrictJSON(AbstractDTO[Any]):
    """Gives Litestar the `data` that `BodyRequest` has decoded."""

    model_type = object

    def decode_bytes(self, value: bytes) -> Any:
        """Return the decoded body. Called by Litestar with the whole body, within its size limit."""
        request: Any = self.asgi_connection
        return request.decoded_body

    def decode_builtins(self, value: Any) -> Any:
        """Refuse forms: only JSON is accepted. Raises: ValidationError."""
        raise ValidationError(
            [fault("json_invalid", ["body"], "Send the body as application/json")]
        )

    @classmethod
    def create_for_field_definition(
        cls, field_definition: Any, handler_id: str, backend_cls: Any = None
    ) -> None:
        """Do nothing: decoders are created on first use."""

    @classmethod
    def is_supported_model_type_field(cls, field_definition: FieldDefinition) -> bool:
        return field_definition.name == "data"

    @classmethod
    def create_openapi_schema(
        cls, field_definition: FieldDefinition, handler_id: str, schema_creator: Any
    ) -> Reference | Schema:
        """Return the schema of the struct itself; no field is renamed or left out."""
        schema: Reference | Schema = schema_creator.for_field_definition(field_definition)
        return schema

    @classmethod
    def generate_field_definitions(cls, model_type: type[Any]) -> Any:
        yield from ()

    @classmethod
    def detect_nested_field(cls, field_definition: FieldDefinition) -> bool:
        return False
