"""Ratings of replies: who may write which, and what is stored and counted of them."""

from collections.abc import Awaitable
from typing import Any, Final

import msgspec

from portico.api import AppContext, Forbidden, InvalidRequest, NotFound
from portico.api.audit import record_change
from portico.api.auth import AccountDeleting, Actor
from portico.api.db import ForeignKeyViolation, after_commit, new_id, now, transaction
from portico.api.interfaces import ChatChanged, ReplyLookup, ReplyModels
from portico.api.policy import Resource, SQLCondition
from portico_evaluations import feedback_content as content
from portico_evaluations import store, votes
from portico_evaluations.draft import (
    FeedbackDraft,
    draft_of,
    rated_model,
    recorded_reply,
    stored_draft,
)
from portico_evaluations.feedback_content import ReplyFields
from portico_evaluations.leaderboard import Leaderboard
from portico_evaluations.schemas import Feedback, FeedbackForm
from portico_evaluations.settings import EvaluationsSettings

KIND: Final = "feedback"
NO_REPLY: Final = "[ERROR: meta.message_id: you have no chat with this reply]"


class FeedbackService:
    """Ratings of all accounts. Unknown and unreadable ones raise the same NotFound."""

    def __init__(
        self, app: AppContext, settings: EvaluationsSettings, leaderboard: Leaderboard
    ) -> None:
        self._app, self._settings, self._leaderboard = app, settings, leaderboard
        self._section = app.runtime_settings.section(EvaluationsSettings)

    async def require_use(self) -> None:
        """Check that replies may be rated. Raises: Forbidden."""
        if not (await self._section.current()).enable_message_rating:
            raise Forbidden

    # -- one rating -----------------------------------------------------------------------------------------

    async def get(self, actor: Actor, feedback_id: str) -> Feedback:
        """Return a rating, with the copy of the chat if the actor may read that."""
        found = await self._find(actor, "read", feedback_id)
        snapshot = None
        if found["snapshot_bytes"]:
            resource = Resource(KIND, found["id"], found["user_id"])
            if await self._app.permissions.allows(actor, "read_chat", resource):
                snapshot = await store.snapshot(found["id"])
        return Feedback(
            **listed(found),
            snapshot=msgspec.Raw(snapshot.encode()) if snapshot else content.EMPTY_SNAPSHOT,
        )

    async def create(self, actor: Actor, form: FeedbackForm) -> Feedback:
        """Rate a reply in a chat of the actor, or replace what the actor has said about it.

        Raises: Forbidden if replies cannot be rated; ValidationError, TooLarge; InvalidRequest for a reply that is none of
        the actor's, for another model than the reply's, and if there are too many ratings.
        """
        await self.require_use()
        which, rating = content.read_reply(form.meta), content.read_rating(form.data)
        snapshot = content.read_snapshot(form.snapshot, self._settings.max_snapshot_bytes)
        meta = content.meta_document(form.meta)
        reply = await self._reply(actor.id, which)
        if reply is None:
            raise InvalidRequest(NO_REPLY)
        rating = rating or content.NO_RATING
        known = await self._app.catalogue.usable_ids()
        draft = draft_of(rating, rated_model(rating, reply), reply, known)
        try:
            async with transaction():
                owner = await store.lock_owner(actor.id)
                before = await store.find_of_reply(actor.id, which.chat_id, which.message_id)
                if before is None:
                    before = await self._insert(actor.id, owner, which, form.type)
                await self._write(owner, before, form.type, draft, meta=meta, snapshot=snapshot)
        except ForeignKeyViolation as error:  # the account was deleted in the meantime
            raise NotFound from error
        return await self.get(actor, before["id"])

    async def update(self, actor: Actor, feedback_id: str, form: FeedbackForm) -> Feedback:
        """Change a rating. What is missing in the form stays as it is.

        A form that names another reply of the actor rates that one: a message keeps the id of its rating when its chat is
        cloned, and when the rating is deleted. Raises: as `create`; NotFound.
        """
        await self.require_use()
        which = None if content.is_absent(form.meta) else content.read_reply(form.meta)
        try:
            found = await self._find(actor, "write", feedback_id)
        except NotFound:
            if which is None or await self._reply(actor.id, which) is None:
                raise
            return await self.create(actor, form)
        place = ReplyFields(found["chat_id"], found["message_id"])
        if which is not None and which != place:
            return await self.create(actor, form)
        return await self._change(actor, found, form)

    async def _change(self, actor: Actor, found: store.Row, form: FeedbackForm) -> Feedback:
        rating = content.read_rating(form.data)
        meta = None if content.is_absent(form.meta) else content.meta_document(form.meta)
        snapshot = content.read_snapshot(form.snapshot, self._settings.max_snapshot_bytes)
        draft = None
        if rating is not None:
            place = ReplyFields(found["chat_id"], found["message_id"])
            reply = await self._reply(found["user_id"], place) or recorded_reply(found)
            known = await self._app.catalogue.usable_ids()
            draft = draft_of(rating, rated_model(rating, reply), reply, known)
        async with transaction():
            owner = await store.lock_present_owner(found["user_id"])
            before = await store.find(found["id"])
            if owner is None or before is None:
                raise NotFound
            draft = draft or stored_draft(before)
            await self._write(owner, before, form.type, draft, meta=meta, snapshot=snapshot)
        return await self.get(actor, found["id"])

    async def delete(self, actor: Actor, feedback_id: str) -> None:
        """Delete a rating. Raises: NotFound, Forbidden."""
        found = await self._find(actor, "delete", feedback_id)
        async with transaction():
            await store.lock_present_owner(found["user_id"])
            if not await store.remove(found["user_id"], SQLCondition("id = $2", (feedback_id,))):
                raise NotFound
            if found["user_id"] != actor.id:
                shown = {"user_id": found["user_id"], "model_id": found["model_id"]}
                await record_change("feedback.deleted", KIND, feedback_id, shown)
            after_commit(self._leaderboard.clear)

    # -- many -----------------------------------------------------------------------------------------------

    async def delete_own(self, actor: Actor) -> bool:
        """Delete all ratings of the actor. Returns whether there were any."""
        return await self._delete_of(actor.id, await self._where(actor, "delete"))

    async def delete_all(self, actor: Actor) -> bool:
        """Delete the ratings of all accounts. Returns whether there were any."""
        where = await self._where(actor, "delete")
        user_id, is_any = await store.next_owner(""), False
        if user_id:  # before anything is deleted: what cannot be recorded is not done
            async with transaction():
                await record_change("feedback.all_deleted", KIND, "")
        while user_id:
            is_any = await self._delete_of(user_id, where) or is_any
            user_id = await store.next_owner(user_id)
        return is_any

    async def on_account_deleting(self, event: AccountDeleting) -> None:
        """Delete the ratings of an account that is being deleted."""
        # Also where there are none: a rating that is being created waits, and then has no account.
        await store.lock_owner(event.id)
        while await store.remove(event.id):
            pass
        await store.delete_owner(event.id)
        after_commit(self._leaderboard.clear)

    def on_chat_changed(self, event: ChatChanged) -> Awaitable[None] | None:
        """Delete the copies of a chat that was deleted. Its ratings stay."""
        return self._drop_copies(event.id) if event.change == "deleted" else None

    async def _drop_copies(self, chat_id: str) -> None:
        for user_id in await store.owners_of_snapshots(chat_id):
            async with transaction():
                await store.lock_present_owner(user_id)
                await store.drop_snapshots(user_id, chat_id)

    # -- internal -------------------------------------------------------------------------------------------

    async def _delete_of(self, user_id: str, where: SQLCondition) -> bool:
        is_any = False
        while True:
            async with transaction():
                await store.lock_present_owner(user_id)
                if not await store.remove(user_id, where):
                    return is_any
                is_any = True
                after_commit(self._leaderboard.clear)

    async def _reply(self, owner_id: str, which: ReplyFields) -> ReplyModels | None:
        replies = self._app.services.get(ReplyLookup)
        if replies is None:
            return None
        return await replies.find(owner_id, which.chat_id, which.message_id)

    async def _insert(
        self, user_id: str, owner: store.Row, which: ReplyFields, kind: str
    ) -> store.Row:
        """Insert an empty rating of a locked account. Raises: InvalidRequest if it has too many."""
        if owner["feedbacks"] >= self._settings.max_feedbacks:
            raise InvalidRequest(
                f"[ERROR: An account has at most {self._settings.max_feedbacks} ratings. Delete some of them]"
            )
        feedback_id = new_id()
        await store.insert(feedback_id, user_id, which.chat_id, which.message_id, kind, now())
        await store.add_to_owner(user_id, 1, 0)
        return {
            "id": feedback_id,
            "user_id": user_id,
            "meta": "{}",
            "vote": "",
            "snapshot_bytes": 0,
        }

    async def _write(
        self,
        owner: store.Row,
        before: store.Row,
        kind: str,
        draft: FeedbackDraft,
        *,
        meta: str | None,
        snapshot: str | None,
    ) -> None:
        """Store what a rating of a locked account is now. A snapshot beyond the quota of the account is not stored."""
        size = present = before["snapshot_bytes"]
        if snapshot is not None:
            size = len(snapshot.encode())
            if owner["snapshot_bytes"] - present + size > self._settings.max_account_snapshot_bytes:
                snapshot, size = None, present
        vote = votes.stored(draft.vote)
        values = (
            before["id"], kind, draft.model_id, draft.rating, now(), size, vote,
            before["meta"] if meta is None else meta, draft.data, draft.comment,
        )  # fmt: skip
        await store.update(values, snapshot)
        if size != present:
            await store.add_to_owner(before["user_id"], 0, size - present)
        if vote != before["vote"]:
            await votes.count([draft.vote], [votes.read(before["vote"])])
            after_commit(self._leaderboard.clear)

    async def _where(self, actor: Actor, action: str) -> SQLCondition:
        permissions = self._app.permissions
        return await permissions.where_allowed(actor, action, KIND, store.FIND_FIRST)

    async def _find(self, actor: Actor, action: str, feedback_id: str) -> store.Row:
        """Return a rating. Raises: NotFound; Forbidden if the actor may read it, but not do this."""
        if not (feedback_id.isascii() and feedback_id.isprintable()):
            raise NotFound
        found = await store.find(feedback_id, await self._where(actor, action))
        if found is None:
            raise await self._app.permissions.refusal(actor, action, KIND, feedback_id)
        return found


def listed(row: store.Row, *, is_light: bool = False) -> dict[str, Any]:
    """Return the fields of a rating in lists. `is_light`: without its comment."""
    return {
        "id": row["id"],
        "user_id": row["user_id"],
        "version": row["version"],
        "type": row["type"],
        "data": content.with_comment(row["data"], None if is_light else row["comment"]),
        "meta": msgspec.Raw(row["meta"].encode()),
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
    }
