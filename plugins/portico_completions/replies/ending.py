"""How replies end, and what is stored and sent then."""

from typing import Any, Final, Literal, NamedTuple

from portico.api import AppContext
from portico.api.interfaces import ReplyEnded
from portico_completions.replies.reply import Reply

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

    def announce(self, app: AppContext, reply: Reply, text: str, title: str = "") -> None:
        """Send the events that end a reply to the clients of its owner, and tell the listeners of plugins."""
        if self.outcome == "finished":
            reply.send("chat:completion", {"done": True, "content": text, "title": title})
        elif self.outcome == "stopped":
            reply.send("chat:tasks:cancel")
        else:
            reply.send("chat:message:error", {"error": {"content": self.reason}})
            # Clients display the error and go on waiting: this event ends the turn, so that another can begin.
            reply.send("chat:tasks:cancel")
        row = reply.row
        app.events.publish(
            ReplyEnded(
                row.id, row.chat_id, row.message_id, row.user_id, self.outcome, text, self.reason
            )
        )
