"""The URL at which browsers reach this server."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

#: What a URL may hold besides letters and digits. Source: RFC 3986, 2.2.
_RESERVED = ":/?#[]@!$&'()*+,;=%~"
_HOST = re.compile(r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")


def base_url(configured: str, scope: Mapping[str, Any]) -> str:
    """Return the URL of this server before a path such as `/auth`, without a slash at the end.

    `configured`: the setting `server.url`, else the one this ASGI request was sent to. Empty, so that redirects stay on
    the same site, if the `Host` header is not one that browsers send.
    """
    if configured:
        return quote(configured.strip(), safe=_RESERVED).rstrip("/")
    hosts = [value for name, value in scope["headers"] if name == b"host"]
    host = hosts[0].decode("latin-1") if len(hosts) == 1 else ""
    scheme = "https" if scope.get("scheme") == "https" else "http"
    return f"{scheme}://{host}" if _HOST.fullmatch(host) else ""
