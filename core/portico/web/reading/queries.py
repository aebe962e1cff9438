"""What a query may say, beyond what its type tells."""

from typing import Annotated, Final, Literal, TypeAlias

from portico.errors import Misshapen
from portico.web.describing.described import DescribedAs
from portico.web.reading.body_scanner import fault
from portico.web.reading.lenient import read_moment

YES: Final = frozenset(("true", "1", "yes", "on"))
NO: Final = frozenset(("false", "0", "no", "off", ""))

#: How a parameter that `query_flag` reads is described.
Flag: TypeAlias = Annotated[
    str, DescribedAs(Literal["true", "1", "yes", "on", "false", "0", "no", "off", ""])
]


def query_flag(name: str, text: str) -> bool:
    """A yes or no of any case, in any of the ways clients write it; empty = no. Raises: Misshapen."""
    word = text.lower()
    if word not in YES and word not in NO:
        raise Misshapen([fault("bool_parsing", ["query", name], "Expected true or false")])
    return word in YES


#: How a parameter that `query_moment` reads is described.
Moment: TypeAlias = Annotated[str, DescribedAs(int | Literal[""])]


def query_moment(name: str, text: str) -> int | None:
    """Epoch seconds, without a fraction; empty = None. Raises: Misshapen."""
    if not text:
        return None
    moment = read_moment(text)
    if moment is None:
        raise Misshapen([fault("int_parsing", ["query", name], "Expected seconds since 1970")])
    return moment
