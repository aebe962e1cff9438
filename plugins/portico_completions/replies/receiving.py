"""Receives what a model source answers."""

from collections.abc import Awaitable, Callable, Mapping

import msgspec

from portico.api import DomainError
from portico.api.models import SourceResponse, close_body
from portico_completions.replies.reply import Reply

#: Calls the source.
Produce = Callable[[], Awaitable[SourceResponse]]


async def receive(reply: Reply, produce: Produce) -> None:
    """Call the source, and feed the reply with what it answers. Raises: all errors of the source."""
    response = await produce()
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


def error_in(response: SourceResponse) -> str | None:
    """Return the error message of a response; None for an answer."""
    if response.status < 400:
        return None
    try:
        found = msgspec.json.decode(response.body if isinstance(response.body, bytes) else b"null")
    except msgspec.MsgspecError:
        found = None
    error = found.get("error") if isinstance(found, Mapping) else None
    message = error.get("message") if isinstance(error, Mapping) else None
    return (
        message
        if isinstance(message, str)
        else f"The model answered with status {response.status}."
    )
