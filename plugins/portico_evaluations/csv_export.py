"""Ratings as CSV, for spreadsheets."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

import msgspec

from portico.api.text import csv_lines
from portico_evaluations.schemas import ListedFeedback

FIELDS: Final = (
    "id", "user_id", "created_at", "updated_at", "chat_id", "message_id", "model_id", "arena", "rating", "details", "reason",
    "comment", "sibling_model_ids", "tags",
)  # fmt: skip


async def csv_stream(blocks: AsyncIterator[Sequence[ListedFeedback]]) -> AsyncIterator[bytes]:
    """Yield the first line, and the lines of each block."""
    yield csv_lines([FIELDS])
    async for block in blocks:
        yield await asyncio.to_thread(_lines, block)


def _lines(block: Sequence[ListedFeedback]) -> bytes:
    return csv_lines(_row(one) for one in block)


def _row(feedback: ListedFeedback) -> list[Any]:
    data, meta = msgspec.json.decode(feedback.data), msgspec.json.decode(feedback.meta)
    details = data.get("details")
    known = {name: getattr(feedback, name) for name in FIELDS[:4]} | {
        "chat_id": meta["chat_id"],
        "message_id": meta["message_id"],
        "arena": bool(meta.get("arena")),
        "details": details.get("rating") if isinstance(details, dict) else None,
    }
    return [known[name] if name in known else data.get(name) for name in FIELDS]
