"""Who sent which request that changes something, with its body, as one line of JSON each. Field names are those of Open WebUI."""

import json
import re
import uuid
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import parse_qsl

from portico.api.db import now
from portico.api.web import KeptBody, ObservedRequest
from portico_request_log.masks import MASK, masked
from portico_request_log.settings import RequestLogSettings

METHODS: Final = frozenset(("POST", "PUT", "PATCH", "DELETE"))
#: Recorded without an account too, since signing in is what makes one known.
SIGN_IN_PATHS: Final = (
    "/api/v1/auths/signin",
    "/api/v1/auths/signup",
    "/api/v1/auths/signout",
    "/api/v1/auths/ldap",
)
MAX_URI_CHARS: Final = 2048
MAX_AGENT_CHARS: Final = 256
_JSON: Final = re.compile(r"application/(?:[\w.-]{1,64}\+)?json\b", re.I)


class AuditFile:
    """Implements `RequestObserver`. `write`: takes one line, and does not block."""

    def __init__(self, settings: RequestLogSettings, write: Callable[[bytes], None]) -> None:
        self._write, self._level = write, settings.level
        self._max_bytes = settings.max_body_bytes
        self._keeps_request = settings.level in ("REQUEST", "REQUEST_RESPONSE")
        self._keeps_response = settings.level == "REQUEST_RESPONSE"
        self._excluded = [
            one for one in (path.strip().strip("/") for path in settings.excluded_paths) if one
        ]

    def request_begins(self, request: ObservedRequest) -> None:
        """Ask for the bodies of a request that is recorded."""
        if self._keeps_request and self._is_recorded(request):
            response = self._max_bytes if self._keeps_response else 0
            request.keep(request=self._max_bytes, response=response)

    def request_ended(self, request: ObservedRequest) -> None:
        """Write the line of a request."""
        if not self._is_recorded(request):
            return
        if request.account is None and not _is_sign_in(request.path):
            return
        # ASCII, so no text in it ends the line or reaches a terminal.
        self._write(json.dumps(self._entry(request)).encode() + b"\n")

    def _is_recorded(self, request: ObservedRequest) -> bool:
        if request.method not in METHODS:
            return False
        return _is_sign_in(request.path) or not self._is_excluded(request.path)

    def _is_excluded(self, path: str) -> bool:
        if not path.startswith("/api/"):
            return False
        rest = path.removeprefix("/api/").removeprefix("v1/")
        return any(rest == one or rest.startswith(f"{one}/") for one in self._excluded)

    def _entry(self, request: ObservedRequest) -> dict[str, Any]:
        actor = request.account
        user = None
        if actor is not None:
            user = {"id": actor.id, "name": actor.name, "email": actor.email, "role": actor.role}
        return {
            "id": str(uuid.uuid4()),
            "timestamp": now(),
            "user": user,
            "audit_level": self._level,
            "verb": request.method,
            "request_uri": _uri(request),
            "response_status_code": request.status or None,
            "source_ip": request.client,
            "user_agent": request.user_agent[:MAX_AGENT_CHARS],
            "request_object": _shown(request.request_body) if self._keeps_request else None,
            "response_object": _shown(request.response_body) if self._keeps_response else None,
            "extra": {"request": request.request_id, "ms": round(request.seconds * 1000, 1)},
        }


def _is_sign_in(path: str) -> bool:
    return path.rstrip("/") in SIGN_IN_PATHS


def _uri(request: ObservedRequest) -> str:
    """Return the path, and the names of the query's parameters: their values may be secrets or texts."""
    try:
        names = [name for name, _ in parse_qsl(request.query.decode("latin-1"), max_num_fields=50)]
    except ValueError:
        names = ["?"]
    query = "&".join(f"{name}={MASK}" for name in names)
    return (f"{request.path}?{query}" if query else request.path)[:MAX_URI_CHARS]


def _shown(body: KeptBody) -> Any:
    """Return a body with its secrets and texts masked; of one that is too large, or not JSON, its type and size."""
    if body.size == 0:
        return None
    media_type = body.content_type.partition(";")[0].strip()[:100] or "unknown type"
    if body.content is None:
        return f"[{media_type}, {body.size} bytes, more than MAX_BODY_LOG_SIZE]"
    if _JSON.match(media_type):
        try:
            return masked(json.loads(body.content))
        except (ValueError, RecursionError):
            return f"[invalid JSON, {body.size} bytes]"
    return f"[{media_type}, {body.size} bytes]"
