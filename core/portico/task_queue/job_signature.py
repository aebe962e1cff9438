"""Signs the entries of the queue. A program that can write to Redis, but has no secret key, can start nothing.

An entry is a signature and the id of a task. Nothing else of arq's jobs is stored, and nothing is ever unpickled.
"""

import hashlib
import hmac
from typing import Any, Final

import msgspec
import structlog

from portico.settings.section import Secret

#: The name of the only function that workers call.
FUNCTION: Final = "run_task"
#: Derives the signing key from the secret key.
_PURPOSE: Final = b"portico jobs of tasks"
_MAC_BYTES: Final = 32
log = structlog.get_logger("portico.tasks")


class _Job(msgspec.Struct, array_like=True, frozen=True):
    """`queued_at`: milliseconds since the epoch."""

    task_id: str
    queued_at: int


class JobSigner:
    """The serializer of arq: `dump` and `load` turn its jobs into signed bytes and back."""

    def __init__(self, secret: Secret) -> None:
        material = secret.reveal().encode("utf-8", "surrogatepass")
        self._key = hmac.new(material, _PURPOSE, hashlib.sha256).digest()
        #: Entries that were discarded since the start.
        self.rejected = 0

    def dump(self, job: dict[str, Any]) -> bytes:
        """Return the bytes of a job. Results are not kept, so theirs are empty."""
        if "r" in job:
            return b""
        body = msgspec.msgpack.encode(_Job(job["a"][0], job["et"]))
        return self._mac(body) + body

    def load(self, data: bytes) -> dict[str, Any]:
        """Return the job of these bytes. If they are not signed, its task id is empty, and it is logged."""
        mac, body = data[:_MAC_BYTES], data[_MAC_BYTES:]
        job = _Job("", 0)
        if hmac.compare_digest(mac, self._mac(body)):
            try:
                job = msgspec.msgpack.decode(body, type=_Job)
            except msgspec.MsgspecError:  # of another release
                self.reject("job of another release discarded")
        else:
            self.reject("job with an invalid signature discarded")
        return {"f": FUNCTION, "a": (job.task_id,), "k": {}, "t": None, "et": job.queued_at}

    def reject(self, event: str) -> None:
        """Count and log an entry that is not used."""
        self.rejected += 1
        if self.rejected & (self.rejected - 1) == 0:  # 1, 2, 4, 8 …
            log.warning(
                event,
                rejected=self.rejected,
                hint="all processes need the same secret key; other programs must not write to this queue",
            )

    def _mac(self, body: bytes) -> bytes:
        return hashlib.blake2b(body, key=self._key, digest_size=_MAC_BYTES).digest()
