"""What a query may say, beyond what its type tells."""

from portico.errors import Misshapen
from portico.web.body import fault

YES = frozenset(("true", "1", "yes", "on"))
NO = frozenset(("false", "0", "no", "off", ""))


def query_flag(name: str, text: str) -> bool:
    """A yes or no of any case, in any of the ways clients write it; empty = no. Raises: Misshapen."""
    word = text.lower()
    if word not in YES and word not in NO:
        raise Misshapen([fault("bool_parsing", ["query", name], "Expected true or false")])
    return word in YES
