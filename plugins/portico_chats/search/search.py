"""Search of an account's chats: one page of those that contain a phrase, the last changed first.

No single strategy is fast for both frequent and rare phrases. First the newest chats are scanned, in growing blocks
while many match: that fills the page for frequent phrases and for small accounts. Then a bounded index query counts
the candidate texts: few are all compared; if there are many, the scan continues block by block until the page is
full. Each strategy finds the same chats, so a bad choice only costs time.
"""

import math
from typing import Any

import msgspec

from portico.api import AppContext
from portico.api.auth import Actor
from portico.api.db import MAX_INT64, fetch_all_in_thread, page_offset
from portico_chats.access import ChatAccess
from portico_chats.search.backend import IndexBackend, index_backend
from portico_chats.search.filters import ChatFilter, own_chats
from portico_chats.search.query_parser import parse
from portico_chats.storage.chat_queries import PAGE_SIZE

_COLUMNS = "id, title, updated_at, created_at"
_ORDER = "ORDER BY updated_at DESC, id"
_LIST = f"SELECT {_COLUMNS} FROM chats_chat WHERE {{}} {_ORDER} LIMIT {PAGE_SIZE} OFFSET {{}}"  # noqa: S608
_IS_THERE = "SELECT 1 AS one FROM chats_chat WHERE {} LIMIT 1 OFFSET {}"
# A scalar subquery, evaluated for each chat. With EXISTS, PostgreSQL might compare all texts of all users first.
_SCAN = f"""
SELECT block.*, COALESCE((
    SELECT TRUE FROM chats_text t WHERE t.chat_id = block.id AND t.state <> 2 AND {{contains}} LIMIT 1
), FALSE) AS found
FROM (
    SELECT {_COLUMNS} FROM chats_chat
    WHERE {{where}} AND updated_at <= {{at}} AND (updated_at < {{at}} OR id > {{id}}) {_ORDER} LIMIT {{size}}
) AS block {_ORDER}
"""  # noqa: S608 - no part of it comes from a client
# The index query and the comparison in one statement: a waiting text may be indexed in between. Each of those texts
# is looked up by its number, for the same reason as above; NULL is a text without the phrase.
_INDEX_LOOKUP = f"""
WITH seen AS MATERIALIZED ({{numbers}} LIMIT {{few}} + 1),
counted AS MATERIALIZED (SELECT COUNT(*) AS texts FROM seen),
hit (chat_id) AS MATERIALIZED (
    SELECT (SELECT t.chat_id FROM chats_text t WHERE t.number = seen.number AND t.state = 1 AND {{contains}})
    FROM counted CROSS JOIN seen WHERE counted.texts <= {{few}}
    UNION ALL
    SELECT t.chat_id FROM counted CROSS JOIN chats_text t -- in this order, on SQLite
    WHERE counted.texts <= {{few}} AND t.owner_id = $1 AND t.state <> 1 AND t.state = 0 AND {{contains}}
)
SELECT page.*, texts FROM counted LEFT JOIN (
    SELECT {_COLUMNS} FROM chats_chat WHERE {{where}} AND id IN (SELECT chat_id FROM hit)
    {_ORDER} LIMIT {PAGE_SIZE} OFFSET {{skip}}
) AS page ON TRUE {_ORDER}
"""  # noqa: S608


class SearchLimits(msgspec.Struct, frozen=True):
    """How much is read before the next strategy is tried.

    `first`: chats of the first block. `largest`: chats of any later block. `near`: chats that are scanned in any
    case if the page should then be full; `dense`: on late pages, this multiple of the chats up to the page. `few`:
    texts that are all compared.
    """

    first: int = 120
    largest: int = 2000
    near: int = 1000
    dense: int = 8
    few: int = 20_000


class Search:
    """Searches the caller's own chats."""

    def __init__(
        self, app: AppContext, access: ChatAccess, limits: SearchLimits | None = None
    ) -> None:
        self._app = app
        self._access = access
        self._limits = limits or SearchLimits()

    async def page(self, actor: Actor, text: str, page: int) -> list[dict[str, Any]]:
        """Return one page, counted from 1.

        Shape: rows of `ListedChat`. Raises: InvalidRequest for a text that is too long.
        """
        query, backend = parse(text), index_backend()
        where = await own_chats(self._app, self._access, actor, query, backend)
        if where is None:
            return []
        skip = page_offset(page, PAGE_SIZE)
        if not query.phrase:
            values = where.values()
            return await fetch_all_in_thread(_LIST.format(where.sql, values(skip)), *values.args)
        if skip and not await _has_more_than(where, skip):
            return []
        return await self._matching(backend, where, actor.id, query.phrase, skip)

    async def _matching(
        self, backend: IndexBackend, where: ChatFilter, owner_id: str, phrase: str, skip: int
    ) -> list[dict[str, Any]]:
        limits, end = self._limits, skip + PAGE_SIZE
        scan = _ChatScan(backend, where, phrase, end)
        await scan.read_block(limits.first)
        # A frequent phrase has a long list in the index.
        while not scan.is_done and scan.estimated_chats() <= max(limits.near, limits.dense * end):
            await scan.read_block(limits.largest)
        if not scan.is_done:
            expression = backend.expression(owner_id, phrase)
            found = await _page_from_index(
                backend, where, expression, phrase, skip=skip, few=limits.few
            )
            if found is not None:
                return found
        while not scan.is_done:
            await scan.read_block(limits.largest)
        return scan.found[skip:end]


class _ChatScan:
    """Scans chats in the order of the list until `end` of them contain the phrase.

    Each block is a statement of its own, so that no other request waits for the whole scan.
    """

    def __init__(self, backend: IndexBackend, where: ChatFilter, phrase: str, end: int) -> None:
        self.found: list[dict[str, Any]] = []
        self.is_done = False
        self._end = end
        self._seen = 0
        values = where.values()
        places = {name: values(None) for name in ("at", "id", "size")}
        contains = backend.contains.format("t.text", values(phrase))
        self._sql = _SCAN.format(where=where.sql, contains=contains, **places)
        self._before, self._after = where.args, phrase
        self._at, self._id = MAX_INT64, ""

    def estimated_chats(self) -> float:
        """Return the estimated number of chats to scan, if the rest is like those so far."""
        return self._end * self._seen / len(self.found) if self.found else math.inf

    async def read_block(self, most: int) -> None:
        """Scan at most `most` more chats: four times as many as so far."""
        size = min(most, 4 * self._seen or most)
        block = await fetch_all_in_thread(
            self._sql, *self._before, self._at, self._id, size, self._after
        )
        self.found += [_without(chat, "found") for chat in block if chat["found"]]
        self._seen += len(block)
        self.is_done = len(block) < size or len(self.found) >= self._end
        if block:
            self._at, self._id = block[-1]["updated_at"], block[-1]["id"]


async def _has_more_than(where: ChatFilter, skip: int) -> bool:
    """Return whether the caller has that many chats."""
    values = where.values()
    return bool(await fetch_all_in_thread(_IS_THERE.format(where.sql, values(skip)), *values.args))


async def _page_from_index(
    backend: IndexBackend, where: ChatFilter, expression: str, phrase: str, *, skip: int, few: int
) -> list[dict[str, Any]] | None:
    """Return the page by an index query; None if more than `few` texts are candidates."""
    values = where.values()
    sql = _INDEX_LOOKUP.format(
        where=where.sql,
        numbers=backend.numbers.format(values(expression)),
        few=few,
        contains=backend.contains.format("t.text", values(phrase)),
        skip=values(skip),
    )
    found = await fetch_all_in_thread(sql, *values.args)
    if found[0]["texts"] > few:
        return None
    return [_without(chat, "texts") for chat in found if chat["id"] is not None]


def _without(chat: dict[str, Any], name: str) -> dict[str, Any]:
    del chat[name]
    return chat
