"""What two routes have in common that are the same route."""

import re

_PARAMETER = re.compile(r"\{[^{}/]*\}")


def route_key(method: str, path: str) -> tuple[str, str]:
    """Return the method, and the path without names and types of its parameters, in which two equal routes may differ."""
    return method, _PARAMETER.sub("{}", path)
