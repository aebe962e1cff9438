"""Retention of the audit log: deletes whole segments and leaves their seals."""

from typing import Final

from portico.audit.chain.digests import END, ChainEnd
from portico.audit.chain.rows import chain_end, seals
from portico.db import Retention, current_database, execute, transaction
from portico.db.retention import BATCH_ROWS
from portico.encryption import Encryptor, SignatureState

_DELETE: Final = {
    "sqlite": "DELETE FROM portico_audit WHERE rowid IN (SELECT rowid FROM portico_audit WHERE segment <= $1 LIMIT $2)",
    "postgres": (
        "DELETE FROM portico_audit WHERE ctid = ANY(ARRAY("
        "SELECT ctid FROM portico_audit WHERE segment <= $1 LIMIT $2))"
    ),
}
_SET_REMOVED: Final = "UPDATE portico_audit_chain SET removed_through = $1, signature = $2 WHERE id = 1 AND signature = $3"


class AuditRetention(Retention):
    """Deletes the oldest segments whose entries are all too old. Unsealed entries stay until they are sealed."""

    def __init__(self, days: int, encryptor: Encryptor) -> None:
        super().__init__("portico_audit", "at", days)
        object.__setattr__(self, "_encryptor", encryptor)

    _encryptor: Encryptor

    async def delete_batch(self, now: int) -> int:
        """Delete one batch of entries of segments that are too old at `now`, as `Retention.delete_batch`."""
        if not self.days:
            return 0
        end = await self._removed(now - self.days * 86400)
        sql = _DELETE[current_database().dialect]
        return await execute(sql, end.removed_through, BATCH_ROWS)

    async def _removed(self, oldest: int) -> ChainEnd:
        """Record which segments are deleted, before the first of their entries is. Return the end of the chain."""
        end = await chain_end() or ChainEnd()
        removed = end.removed_through
        async for seal in seals(removed + 1, end.segment):
            if seal.newest_at >= oldest:
                break
            removed = seal.segment
        if removed == end.removed_through:
            return end
        state = self._encryptor.check_signature(end.signature, end.signed_part, END)
        if state is not SignatureState.VALID:
            return ChainEnd()  # `portico audit verify` must find it, so it is not signed
        moved = ChainEnd(segment=end.segment, digest=end.digest, removed_through=removed)
        signature = self._encryptor.sign(moved.signed_part, END)
        async with transaction():
            if not await execute(_SET_REMOVED, removed, signature, end.signature):
                return end  # a segment was sealed meanwhile; the next round continues
        return moved
