"""Query parameters with more than one notation: booleans and times."""

from typing import Annotated, Final, Literal, TypeAlias

from portico.errors import field_error
from portico.web.openapi.schema_of import SchemaOf
from portico.web.request.lenient_json import parse_seconds

TRUE_WORDS: Final = frozenset(("true", "1", "yes", "on"))
FALSE_WORDS: Final = frozenset(("false", "0", "no", "off", ""))

#: Type of a parameter that `parse_query_flag` reads, for the OpenAPI document.
QueryFlag: TypeAlias = Annotated[
    str, SchemaOf(Literal["true", "1", "yes", "on", "false", "0", "no", "off", ""])
]


def parse_query_flag(name: str, text: str) -> bool:
    """Parse a boolean in any of the notations that clients use, in any case; empty = False. Raises: ValidationError."""
    word = text.lower()
    if word not in TRUE_WORDS and word not in FALSE_WORDS:
        raise field_error(name, "bool_parsing", "Expected true or false", source="query")
    return word in TRUE_WORDS


#: Type of a parameter that `parse_query_time` reads, for the OpenAPI document.
QueryTime: TypeAlias = Annotated[str, SchemaOf(int | Literal[""])]


def parse_query_time(name: str, text: str) -> int | None:
    """Parse epoch seconds, without a fraction; empty = None. Raises: ValidationError."""
    if not text:
        return None
    seconds = parse_seconds(text)
    if seconds is None:
        raise field_error(name, "int_parsing", "Expected seconds since 1970", source="query")
    return seconds
