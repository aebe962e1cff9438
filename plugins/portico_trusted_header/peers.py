"""Whether a request came through a proxy that the operator named."""

from collections.abc import Mapping
from typing import Any


def from_trusted_proxy(scope: Mapping[str, Any]) -> bool:
    return bool(scope.get("portico.trusted_peer"))
