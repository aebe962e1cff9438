"""How a session was opened: by which provider, from which address, with which client."""

from collections.abc import Mapping
from typing import Any

import msgspec

MAX_USER_AGENT_CHARS = 256


class SessionOrigin(msgspec.Struct, frozen=True, kw_only=True):
    """How a session was opened. `method`: the name of the provider; `address`, `user_agent`: of the client, if known."""

    method: str = "password"
    address: str | None = None
    user_agent: str | None = None
    provider_session: str | None = None


def session_origin(
    scope: Mapping[str, Any], method: str, provider_session: str | None = None
) -> SessionOrigin:
    """Return the session origin of an ASGI request."""
    agent = next((value for name, value in scope["headers"] if name == b"user-agent"), None)
    text = agent.decode("latin-1").replace("\x00", "")[:MAX_USER_AGENT_CHARS] if agent else None
    client = scope.get("client")
    return SessionOrigin(
        method=method,
        address=client[0] if client else None,
        user_agent=text,
        provider_session=provider_session,
    )
