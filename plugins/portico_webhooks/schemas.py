"""JSON bodies of the routes of webhooks."""

from typing import Annotated

import msgspec

MAX_URL_CHARS = 4096


class WebhookForm(msgspec.Struct):
    """The address of the administrators' webhook. Empty = none."""

    url: Annotated[str, msgspec.Meta(max_length=MAX_URL_CHARS)]


class WebhookView(msgspec.Struct):
    """The address of the administrators' webhook. `pinned`: the operator has set it, so it cannot be changed here."""

    url: str
    pinned: bool
