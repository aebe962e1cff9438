"""The address at which people reach this house, as far as the way back from a provider needs it."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

#: What stands for something in an address, and a letter that is quoted already.
_RESERVED = ":/?#[]@!$&'()*+,;=%~"
_HOST = re.compile(r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")


def base_of(configured: str, scope: Mapping[str, Any]) -> str:
    """What stands before `/auth`, without a slash at its end.

    The operator's address, else the one this ASGI request was sent to; empty, so that addresses stay on the same site,
    where that is nothing a browser would have sent.
    """
    if configured:
        return quote(configured.strip(), safe=_RESERVED).rstrip("/")
    hosts = [value for name, value in scope["headers"] if name == b"host"]
    host = hosts[0].decode("latin-1") if len(hosts) == 1 else ""
    scheme = "https" if scope.get("scheme") == "https" else "http"
    return f"{scheme}://{host}" if _HOST.fullmatch(host) else ""
