"""Actions on messages: buttons that plugins add below the replies of models."""

import inspect
import math
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from portico.identity import Actor

_ID: Final = re.compile(r"[A-Za-z_][\w.-]{0,199}", re.ASCII)


class ActionRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What the user has pressed the button of an action for.

    `chat_id`, `message_id`: the reply, which the actor may write; a chat whose id begins with `local:` is not stored.
    `socket_id`: the socket of the actor's window, which can be sent events and asked; None = it has none. `body`: the keys
    of the request, among them `messages`, the conversation as the client shows it.
    """

    actor: Actor
    model_id: str
    chat_id: str
    message_id: str
    socket_id: str | None
    body: Mapping[str, msgspec.Raw]


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageAction:
    """A button below the replies of models.

    `id`: letters, digits and `_.-`, unique over all plugins; models are given it in their `meta.actionIds`. `icon`: a URL,
    as a data URL or on the same server; empty = the client's own. `is_global`: all models have it. `run(request)` returns
    what the client gets as JSON, such as `{"messages": […]}` with those that it changes, or None. `time_limit`: seconds.
    """

    id: str
    name: str
    run: Callable[[ActionRequest], Awaitable[Mapping[str, Any] | None]]
    description: str = ""
    icon: str = ""
    is_global: bool = False
    time_limit: float = 300.0

    def fault(self) -> str:
        """Return why it cannot be registered, as the rest of a sentence; empty if it can. Plugins may declare anything."""
        if not (isinstance(self.id, str) and _ID.fullmatch(self.id)):
            return "needs an id of letters, digits and _.-"
        if not all(isinstance(text, str) for text in (self.name, self.description, self.icon)):
            return "needs texts as name, description and icon"
        if not inspect.iscoroutinefunction(self.run):
            return "needs an async function as run"
        limit = self.time_limit
        if not isinstance(limit, int | float) or not math.isfinite(limit) or limit <= 0:
            return "needs a positive number of seconds as time_limit"
        return ""

    def entry(self) -> dict[str, str]:
        """Return it as the list of models has it."""
        return {
            "id": self.id,
            "name": self.name,
            "description": self.description,
            "icon": self.icon,
        }


class MessageActions:
    """The actions of all plugins. Immutable: entries that were rendered with one are rendered again with another."""

    def __init__(self, actions: Mapping[str, MessageAction] | None = None) -> None:
        self._actions = dict(sorted((actions or {}).items()))

    def of(self, meta: Mapping[str, Any]) -> list[MessageAction]:
        """Return the actions of a model with these metadata: global ones, and those in `actionIds`."""
        named = meta.get("actionIds")
        named = named if isinstance(named, list) else []
        return [one for one in self._actions.values() if one.is_global or one.id in named]
