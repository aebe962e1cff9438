"""What a query may say, beyond what its type tells."""

from typing import Annotated, Final, Literal, TypeAlias

from portico.errors import ValidationError
from portico.web.openapi.responses import SchemaOf
from portico.web.request.body_scanner import fault
from portico.web.request.lenient_json import read_moment

YES: Final = frozenset(("true", "1", "yes", "on"))
NO: Final = frozenset(("false", "0", "no", "off", ""))

#: How a parameter that `parse_query_flag` reads is described.
QueryFlag: TypeAlias = Annotated[
    str, SchemaOf(Literal["true", "1", "yes", "on", "false", "0", "no", "off", ""])
]


def parse_query_flag(name: str, text: str) -> bool:
    """A yes or no of any case, in any of the ways clients write it; empty = no. Raises: Misshapen."""
    word = text.lower()
    if word not in YES and word not in NO:
        raise ValidationError([fault("bool_parsing", ["query", name], "Expected true or false")])
    return word in YES


#: How a parameter that `parse_query_time` reads is described.
QueryTime: TypeAlias = Annotated[str, SchemaOf(int | Literal[""])]


def parse_query_time(name: str, text: str) -> int | None:
    """Epoch seconds, without a fraction; empty = None. Raises: Misshapen."""
    if not text:
        return None
    moment = read_moment(text)
    if moment is None:
        raise ValidationError(
            [fault("int_parsing", ["query", name], "Expected seconds since 1970")]
        )
    return moment
