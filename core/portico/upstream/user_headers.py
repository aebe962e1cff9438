"""Headers that tell a provider who sends a request, if the operator wants that. Source: the clients' contract."""

from urllib.parse import quote

from portico.identity import Actor


def user_headers(actor: Actor, chat_id: str | None = None) -> dict[str, str]:
    """Return the `X-OpenWebUI-*` headers of a request, percent-encoded where they may hold more than ASCII."""
    headers = {
        "X-OpenWebUI-User-Name": quote(actor.name, safe=" ", errors="replace"),
        "X-OpenWebUI-User-Id": actor.id,
        "X-OpenWebUI-User-Email": quote(actor.email, safe="@+", errors="replace"),
        "X-OpenWebUI-User-Role": actor.role,
    }
    if chat_id:
        headers["X-OpenWebUI-Chat-Id"] = quote(chat_id, safe=":", errors="replace")
    return headers
