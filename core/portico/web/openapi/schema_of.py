"""Types of fields whose JSON stays bytes, with the schema that the OpenAPI document gives them."""

from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias

import msgspec


@dataclass(frozen=True)
class SchemaOf:
    """`Annotated[msgspec.Raw, SchemaOf(kind)]`: a field that is bytes in Python and described as JSON of this kind."""

    kind: Any


#: A JSON object whose bytes are kept as they were sent.
JSONObject: TypeAlias = Annotated[msgspec.Raw, SchemaOf(dict[str, Any])]
