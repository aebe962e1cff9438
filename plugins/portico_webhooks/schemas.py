"""JSON bodies of the routes of webhooks."""

from collections.abc import Sequence
from typing import Annotated

import msgspec

from portico.api.tasks import TaskStatus

MAX_URL_CHARS = 4096


class WebhookForm(msgspec.Struct):
    """The address of the administrators' webhook. Empty = none."""

    url: Annotated[str, msgspec.Meta(max_length=MAX_URL_CHARS)]


class WebhookView(msgspec.Struct):
    """The address of the administrators' webhook. `pinned`: the operator has set it, so it cannot be changed here."""

    url: str
    pinned: bool


class NewSecret(msgspec.Struct):
    """A new secret for signatures. It is shown this once."""

    secret: str


class TestResult(msgspec.Struct):
    """How a test ended. `status`: of the receiver's answer, null if there was none. `error`: null if it was accepted."""

    delivered: bool
    status: int | None
    error: str | None


class DeliveryView(msgspec.Struct, kw_only=True):
    """A message, and whether it was delivered.

    `id`: of its task; the receiver has got it as `webhook-id`, with `msg_` in front. `event`: `signup`, `alert` or `chat`.
    `user_id`: whose webhook it is; null = the administrators'. `response_status`: of the administrators' webhook only.
    `skipped`: why nothing was sent. Units: times in epoch seconds; `next_try_at`: null if it is not tried again.
    """

    id: str
    event: str
    user_id: str | None
    status: TaskStatus
    tries: int
    error: str | None
    response_status: int | None
    skipped: str | None
    created_at: int
    finished_at: int | None
    next_try_at: int | None


class DeliveryPage(msgspec.Struct):
    """Messages, newest first. `next`: what to send as `before` for older ones; null = there are none."""

    deliveries: Sequence[DeliveryView]
    next: str | None
