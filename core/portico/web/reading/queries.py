"""What a query may say, beyond what its type tells."""

from typing import Annotated, Final, Literal, TypeAlias

from portico.errors import Misshapen
from portico.web.describing.described import DescribedAs
from portico.web.reading.body import fault

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
