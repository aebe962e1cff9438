"""The tasks after a reply. Each asks a model, and completes in one transaction with its writes and with the next task."""

from typing import Any, Final

import structlog

from portico.api import (
    AppContext,
    RateLimited,
    SourceFailed,
    Unavailable,
    error_location,
)
from portico.api.db import after_commit
from portico.api.interfaces import ChatAnnotations, ChatBranch, ReplyFinishing
from portico.api.prompts import shown_text
from portico.api.tasks import TaskFailed, TaskRun, TaskType
from portico_generation.after_reply.arguments import (
    FOLLOW_UPS_TASK,
    TAGS_TASK,
    TITLE_TASK,
    AfterReplyArguments,
)
from portico_generation.after_reply.questions import BackgroundQuestions, send_event
from portico_generation.answers import as_title, read_follow_ups, read_tags, read_title
from portico_generation.generator import FOLLOW_UPS, TAGS, TITLE, GenerationKind, Generator

#: Messages of a chat that are read for a prompt.
MAX_MESSAGES: Final = 20
#: Times that a model is asked which does not answer. Afterwards the next task has its turn.
MAX_QUESTIONS_OF_TASK: Final = 3
#: Seconds that one of the tasks may take; more than one question does.
TIME_LIMIT_SECONDS: Final = 150.0
#: Seconds before a model is asked again.
BACKOFF_SECONDS: Final = 1.0
#: Messages of a chat in which the first question was just answered.
FIRST_TURN_LENGTH: Final = 2

NO_ANSWER: Final = "The model did not answer in the form that it was asked for."
GONE: Final = "The message does not exist any more."
NO_CHATS: Final = "No plugin stores chats."

log = structlog.get_logger("portico.generation")


class AfterReplyTasks:
    """Creates the first task for a reply, and runs all three.

    What fails is recorded in the result of its task, and the next task has its turn.
    """

    def __init__(self, app: AppContext, generator: Generator) -> None:
        self._app, self._generator = app, generator
        self._questions = BackgroundQuestions(app, generator)

    def types(self) -> list[TaskType]:
        """Return the types of the tasks."""
        runs = {
            FOLLOW_UPS_TASK: self._run_follow_ups,
            TITLE_TASK: self._run_title,
            TAGS_TASK: self._run_tags,
        }
        return [
            TaskType(
                name,
                AfterReplyArguments,
                run,
                time_limit=TIME_LIMIT_SECONDS,
                backoff=BACKOFF_SECONDS,
            )
            for name, run in runs.items()
        ]

    async def create_first(self, event: ReplyFinishing) -> None:
        """Create the first task for a reply, in the transaction that stores the reply."""
        given = AfterReplyArguments.of(event)
        await self._create(given, event.user_id)

    async def _run_follow_ups(self, run: TaskRun, given: AfterReplyArguments) -> None:
        branch = await self._branch(given)
        answer, error = await self._ask(run, FOLLOW_UPS, given, branch)
        found = read_follow_ups(answer)
        async with run.completing(_result(error, is_answered=bool(found))):
            if found and await self._annotations.set_follow_ups(
                given.chat_id, given.message_id, found
            ):
                self._send(run, given, "chat:message:follow_ups", {"follow_ups": found})
            await self._create(given, run.user_id, after=run.name)

    async def _run_title(self, run: TaskRun, given: AfterReplyArguments) -> None:
        branch = await self._branch(given)
        title, result = "", None
        if given.title and (await self._generator.settings()).enable_title:
            answer, error = await self._ask(run, TITLE, given, branch)
            title = read_title(answer)
            result = _result(error, is_answered=bool(title))
        if given.title or branch.length == FIRST_TURN_LENGTH:
            title = title or as_title(shown_text(branch.first_text))
        async with run.completing(result):
            if title and await self._set_title(given, title):
                self._send(run, given, "chat:title", title)
            await self._create(given, run.user_id, after=run.name)

    async def _run_tags(self, run: TaskRun, given: AfterReplyArguments) -> None:
        branch = await self._branch(given)
        answer, error = await self._ask(run, TAGS, given, branch)
        names = read_tags(answer)
        async with run.completing(_result(error, is_answered=bool(names))):
            if names and (tags := await self._annotations.set_tags(given.chat_id, names)):
                self._send(run, given, "chat:tags", tags)
            await self._create(given, run.user_id, after=run.name)

    async def _set_title(self, given: AfterReplyArguments, title: str) -> bool:
        """Set the title of a chat, unless the user has set one meanwhile. Return whether it was set."""
        before = await self._annotations.title(given.chat_id)
        return given.is_title_before(before) and await self._annotations.set_title(
            given.chat_id, title, instead_of=before
        )

    # -- what they have in common ---------------------------------------------------------------------------

    @property
    def _annotations(self) -> ChatAnnotations:
        found = self._app.services.get(ChatAnnotations)
        if found is None:
            raise TaskFailed(NO_CHATS)
        return found

    async def _branch(self, given: AfterReplyArguments) -> ChatBranch:
        """Return the messages up to the reply. Raises: TaskFailed if it was deleted; the next tasks need it too."""
        found = await self._annotations.branch(given.chat_id, given.message_id, MAX_MESSAGES)
        if found is None:
            raise TaskFailed(GONE)
        return found

    async def _ask(
        self, run: TaskRun, kind: GenerationKind, given: AfterReplyArguments, branch: ChatBranch
    ) -> tuple[str, str]:
        """Return the text of the model's answer, and why there is none.

        Raises: the error of the source if the task is to be tried again; Unavailable.
        """
        try:
            return await self._questions.ask(
                str(run.user_id), kind, given.model, branch.messages
            ), ""
        except Unavailable:
            raise
        except TaskFailed as refusal:
            return "", refusal.detail
        except (SourceFailed, RateLimited) as refusal:
            error = refusal.detail
            if run.tries < MAX_QUESTIONS_OF_TASK:
                raise
        except Exception as fault:  # of the plugin of a source
            error = f"{type(fault).__name__} ({error_location(fault)})"
            if run.tries < MAX_QUESTIONS_OF_TASK:
                raise
        return "", error

    async def _create(
        self, given: AfterReplyArguments, user_id: str | None, after: str | None = None
    ) -> None:
        """Create the task that comes after another one, if the client wants one, in the open transaction."""
        name = given.next_task(await self._generator.settings(), after)
        if name is None:
            return
        try:
            await self._app.tasks.create(name, given, user_id=user_id, item=given.chat_id)
        except RateLimited:  # the reply is more important
            log.warning("task not created: its account has too many", name=name, user=user_id)

    def _send(self, run: TaskRun, given: AfterReplyArguments, kind: str, data: Any) -> None:
        """Send an event to the owner's sockets after the commit."""
        ids = (str(run.user_id), given.chat_id, given.message_id)
        after_commit(lambda: send_event(self._app, *ids, kind=kind, data=data))


def _result(error: str, *, is_answered: bool) -> dict[str, str] | None:
    """Return the result of a task: why nothing was generated, else None. It never has what was generated: administrators
    see the results of all tasks.
    """
    if is_answered:
        return None
    return {"error": error or NO_ANSWER}
