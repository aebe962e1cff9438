"""The three tasks after a reply: their names, their order and their arguments."""

import hashlib
from typing import Final

import msgspec

from portico.api.interfaces import ReplyFinishing
from portico_generation.settings import GenerationSettings

FOLLOW_UPS_TASK: Final = "generation:follow_ups"
TITLE_TASK: Final = "generation:title"
TAGS_TASK: Final = "generation:tags"
#: In which they run: each creates the next one.
ORDER: Final = (FOLLOW_UPS_TASK, TITLE_TASK, TAGS_TASK)


class AfterReplyArguments(msgspec.Struct, frozen=True, kw_only=True):
    """The arguments of each of the tasks. `model`: id of the user's model.

    `follow_ups`, `title`, `tags`: what the client wants. `title` None = it says nothing; False = the title is the text of the
    first message. `title_digest`: of the title when the reply began, see `is_title_before`. No text of a chat is in here, since
    administrators see the arguments of all tasks.
    """

    chat_id: str
    message_id: str
    model: str
    follow_ups: bool = False
    title: bool | None = None
    tags: bool = False
    title_digest: str = ""

    @classmethod
    def of(cls, event: ReplyFinishing) -> "AfterReplyArguments":
        """Return the arguments for what the client of a reply wants."""
        return cls(
            chat_id=event.chat_id,
            message_id=event.message_id,
            model=event.model,
            follow_ups=bool(event.wanted.follow_up_generation),
            title=event.wanted.title_generation,
            tags=bool(event.wanted.tags_generation),
            title_digest=_digest(event.message_id, event.title),
        )

    def is_title_before(self, title: str) -> bool:
        """Return whether this was the title of the chat when the reply began: another one was set by the user."""
        return _digest(self.message_id, title) == self.title_digest

    def next_task(self, settings: GenerationSettings, after: str | None = None) -> str | None:
        """Return the name of the task that comes after another one (None = of the first one); None if there is none.

        The title is set also where it is not generated: it is the text of the first message then.
        """
        wanted = {
            FOLLOW_UPS_TASK: self.follow_ups and settings.enable_follow_ups,
            TITLE_TASK: self.title is not None,
            TAGS_TASK: self.tags and settings.enable_tags,
        }
        later = ORDER[ORDER.index(after) + 1 :] if after else ORDER
        return next((name for name in later if wanted[name]), None)


def _digest(message_id: str, title: str) -> str:
    return hashlib.sha256(f"{message_id} {title}".encode()).hexdigest()
