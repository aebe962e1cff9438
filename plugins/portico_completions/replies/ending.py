"""How replies end, and what is stored and sent then."""

from typing import Any, Final, Literal, NamedTuple

import msgspec

SHUTDOWN: Final = "The server was stopped before the answer was complete."
CRASHED: Final = "The server ended unexpectedly before the answer was complete."
REVOKED: Final = "The session ended before the answer was complete."
BROKE_OFF: Final = "The answer broke off."
DISCONNECTED: Final = "The client disconnected before the answer was complete."


class Ending(NamedTuple):
    """How a reply ended. `reason`: a sentence for the user; empty if it is finished or was stopped."""

    outcome: Literal["finished", "stopped", "interrupted", "failed"]
    reason: str = ""

    def fields(self, text: str) -> dict[str, Any]:
        """Return the fields of the message with this text."""
        fields: dict[str, Any] = {"content": text, "done": True}
        if self.outcome == "interrupted":
            fields["error"] = {"type": "interrupted", "content": self.reason}
        elif self.outcome == "failed":
            fields["error"] = {"content": self.reason}
        return fields

    def events(self, text: str, title: str, *, is_displayed: bool = False) -> list[tuple[str, Any]]:
        """Return types and data of the events that end a reply. The last one lets clients begin another turn.

        Clients store what they display with the next message, so it must not lag behind: the text of a reply that is
        not complete is sent again, unless it `is_displayed`.
        """
        if self.outcome == "finished":
            return [("chat:completion", {"done": True, "content": text, "title": title})]
        events: list[tuple[str, Any]] = []
        if text and not is_displayed:
            events.append(("chat:completion", {"content": text}))
        if self.outcome != "stopped":
            events.append(("chat:message:error", {"error": self.fields(text)["error"]}))
        return [*events, ("chat:tasks:cancel", msgspec.UNSET)]
