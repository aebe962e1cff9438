"""What is kept of one call of a model."""

import msgspec

from portico.api.db import now
from portico.api.models import CallResult, GatewayCall, TokenUsage

#: Longer ids of chats are not stored. Clients choose them.
MAX_CHAT_ID_CHARS = 255
_KEY = "key"
#: The model of calls that the client's own model answers. Clients choose the names of those.
DIRECT = "direct"


class CallRecord(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A call that has ended, without its texts. Shapes: as in the table `usage_call`."""

    id: str
    at: int
    user_id: str
    key_id: str
    chat_id: str
    operation: str
    model: str
    base_model: str
    source: str
    outcome: str
    usage: TokenUsage
    first_byte_ms: int | None
    duration_ms: int

    @classmethod
    def of(cls, call: GatewayCall, result: CallResult) -> "CallRecord":
        """Return what is kept. It holds nothing of the request, which may be large."""
        request, target, actor = call.request, call.target, call.request.actor
        first = result.first_byte_seconds
        return cls(
            id=call.id,
            at=now(),
            user_id=actor.id,
            key_id=actor.session_id if actor.credential == _KEY else "",
            chat_id=request.chat_id or "",
            operation=request.operation,
            model=DIRECT if target.is_direct else target.id,
            base_model=DIRECT if target.is_direct else target.model,
            source=call.source,
            outcome=result.outcome,
            # What the client says of its own model costs nothing here.
            usage=TokenUsage() if target.is_direct else result.usage,
            first_byte_ms=None if first is None else round(first * 1000),
            duration_ms=round(result.seconds * 1000),
        )


def storable(text: str) -> str:
    """Return a text that both databases can store; empty if they cannot, or if it is too long."""
    if len(text) > MAX_CHAT_ID_CHARS or "\x00" in text or not text.isprintable():
        return ""
    return text
