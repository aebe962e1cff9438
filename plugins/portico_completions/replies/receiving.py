"""Receives what a model source answers."""

from collections.abc import Awaitable, Callable

from portico.api import DomainError
from portico.api.models import GatewayResponse, close_body, error_in
from portico_completions.replies.reply import Reply

#: Calls the source.
Produce = Callable[[], Awaitable[GatewayResponse]]


async def receive(reply: Reply, produce: Produce) -> None:
    """Call the source, and feed the reply with what it answers. Raises: all errors of the source."""
    response = await produce()
    reply.outlet = response.outlet
    body = response.body
    if isinstance(body, bytes):
        if (error := error_in(response)) is not None:
            raise DomainError(error)
        reply.feed_completion(body)
        return
    try:
        async for block in body:
            reply.feed(block)
    finally:
        await close_body(body)
