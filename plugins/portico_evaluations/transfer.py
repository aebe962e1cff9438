"""Ratings of replies in exports and imports of whole instances. The sums of the leaderboard follow."""

from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import Final

import msgspec
from msgspec import UNSET, UnsetType

from portico.api import ValidationError
from portico.api.db import ForeignKeyViolation, after_commit, now, transaction
from portico.api.interfaces import ReplyModels
from portico.api.json import sanitize_json
from portico.api.transfer import (
    ExportScope,
    ImportRun,
    Outcome,
    RecordReader,
    TransferKind,
    epoch_seconds,
    imported,
    owners_here,
    skipped,
    store_each,
    table_count,
    table_pages,
    unchanged,
)
from portico_evaluations import feedback_content as content
from portico_evaluations import store, votes
from portico_evaluations.draft import FeedbackDraft, draft_of, rated_model
from portico_evaluations.leaderboard import Leaderboard
from portico_evaluations.schemas import ExportedFeedback
from portico_evaluations.service import listed
from portico_evaluations.settings import EvaluationsSettings

_TABLE: Final = "evaluations_feedback"
#: Ratings that are read at once: each may have a copy of a chat.
PAGE_ROWS: Final = 50
MAX_TYPE_CHARS: Final = 64
_TAKEN: Final = "its id is that of another account's rating here"
_RATED: Final = "its account has another rating of this reply here"
_NULL: Final = msgspec.Raw(b"null")


class FeedbackRecord(msgspec.Struct):
    """A rating, as the export of the API shows it. Times: epoch seconds.

    `vote`: what it adds to the sums; without it, that is what the rating names.
    """

    id: str
    user_id: str
    type: str = "rating"
    version: int = 0
    data: msgspec.Raw = _NULL
    meta: msgspec.Raw = _NULL
    snapshot: msgspec.Raw = _NULL
    created_at: int | float | None = None
    updated_at: int | float | None = None
    vote: votes.Vote | None | UnsetType = UNSET


class ExportedRating(ExportedFeedback, kw_only=True):
    """A rating in an export. `vote`: what it adds to the sums of the leaderboard; null = nothing."""

    vote: votes.Vote | None


class FeedbackTransfer(TransferKind):
    """The kind `feedback`.

    A rating of another server counts for the models that it names: the reply may be of a chat that was not imported, and the
    models may be of connections that are set up later.
    """

    name = "feedback"
    after = ("accounts", "chats", "models")
    _reader = RecordReader(FeedbackRecord)

    def __init__(self, settings: EvaluationsSettings, leaderboard: Leaderboard) -> None:
        self._settings, self._leaderboard = settings, leaderboard

    async def count(self, scope: ExportScope) -> int:
        """Return how many ratings a scope has."""
        return await table_count(_TABLE, scope)

    async def export(self, scope: ExportScope) -> AsyncIterator[Sequence[bytes]]:
        """Yield ratings with their copies of chats."""
        async for page in table_pages(_TABLE, scope, rows=PAGE_ROWS):
            yield [
                msgspec.json.encode(
                    ExportedRating(
                        **listed(row),
                        snapshot=msgspec.Raw(row["snapshot"].encode()) if row["snapshot"] else None,
                        vote=votes.read(row["vote"]),
                    )
                )
                for row in page
            ]

    async def import_batch(self, records: Sequence[bytes], run: ImportRun) -> Sequence[Outcome]:
        """Import ratings of accounts that were taken."""
        read, outcomes = self._reader.read(records)
        there = await owners_here(_TABLE, [one.record.id for one in read])
        counted: list[votes.Vote] = []

        async def store_one(record: FeedbackRecord) -> Outcome:
            owner_id = run.accounts.get(record.user_id)
            if owner_id is None:
                return skipped(record.id, run.accounts.reason(record.user_id))
            if record.id in there:
                is_same = there[record.id] == owner_id
                return unchanged(record.id) if is_same else skipped(record.id, _TAKEN)
            return await self._store(record, owner_id, run, counted)

        owners = {run.accounts.get(one.record.user_id) for one in read} - {None}
        async with transaction():
            # As other writers of ratings: first all owners, in one order, then the sums.
            for owner_id in [] if run.dry_run else sorted(filter(None, owners)):
                with suppress(ForeignKeyViolation):  # deleted meanwhile, which its ratings find out
                    async with transaction():
                        await store.lock_owner(owner_id)
            await store_each(read, outcomes, store_one)
            await votes.count(counted, [])
            after_commit(self._leaderboard.clear)
        return [outcomes[place] for place in range(len(records))]

    async def _store(
        self, record: FeedbackRecord, owner_id: str, run: ImportRun, counted: list[votes.Vote]
    ) -> Outcome:
        meta = msgspec.Raw(sanitize_json(bytes(record.meta)))
        which, document = content.read_reply(meta), content.meta_document(meta)
        draft = _draft(record)
        snapshot = self._snapshot(record, run)
        if await store.find_of_reply(owner_id, which.chat_id, which.message_id) is not None:
            return skipped(record.id, _RATED)
        if not run.dry_run:
            size = 0 if snapshot is None else len(snapshot.encode())
            first, last = _times(record)
            await store.insert_whole(
                *(record.id, owner_id, which.chat_id, which.message_id),
                *(record.type[:MAX_TYPE_CHARS], first, last, draft.model_id, draft.rating),
                *(record.version, votes.stored(draft.vote), document, draft.data, draft.comment),
                *(size, snapshot),
            )
            await store.add_to_owner(owner_id, 1, size)
            counted += [draft.vote] if draft.vote else []
        return imported(record.id)

    def _snapshot(self, record: FeedbackRecord, run: ImportRun) -> str | None:
        """Return the copy of the chat; None, with a note, for one that cannot be shown or is too large."""
        if content.is_absent(record.snapshot):
            return None
        raw = msgspec.Raw(sanitize_json(bytes(record.snapshot)))
        limit = self._settings.max_snapshot_bytes
        if memoryview(raw).nbytes > limit:
            run.notes.add(self.name, "the copy of the chat is larger than may be stored", record.id)
            return None
        try:
            return content.read_snapshot(raw, limit)
        except ValidationError:
            run.notes.add(self.name, "the copy of the chat has not the shape of a chat", record.id)
            return None


def _draft(record: FeedbackRecord) -> FeedbackDraft:
    """Return what is stored of `data`. Raises: ValidationError, TooLarge."""
    rating = content.read_rating(msgspec.Raw(sanitize_json(bytes(record.data))))
    rating = rating or content.NO_RATING
    fields = rating.fields
    named = ReplyModels(
        [fields.model_id] if fields.model_id else [],
        [one for one in fields.sibling_model_ids or () if one is not None],
    )
    known = {*named.model_ids, *named.sibling_ids}
    draft = draft_of(rating, rated_model(rating, named), named, known)
    if record.vote is UNSET:
        return draft
    counts, vote = record.vote, None
    if counts is not None and counts.rating in (-1, 1):
        vote = votes.vote_of(counts.model_id, counts.rating, counts.opponents, counts.tags)
    return msgspec.structs.replace(draft, vote=vote)


def _times(record: FeedbackRecord) -> tuple[int, int]:
    """Return when a rating was created and changed. If only one time is known, it is taken for both."""
    given = (epoch_seconds(record.created_at), epoch_seconds(record.updated_at))
    known = [at for at in given if at is not None] or [now()]
    return known[0], known[-1]
