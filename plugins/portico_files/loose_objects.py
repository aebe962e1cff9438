"""Objects of the store that belong to no file: records those of uploads, and deletes those that are given up."""

from typing import Final

import structlog

from portico.api import AppContext, PeriodicTask, Unavailable, error_location
from portico_files import queries
from portico_files.stores import FileStore

#: Seconds between two searches; a deletion in this process wakes the search.
INTERVAL_SECONDS: Final = 10.0
BATCH: Final = 500

log = structlog.get_logger("portico.files")


class LooseObjects:
    """Deletes objects of deleted files, of failed uploads, and of uploads by instances that are not alive any more."""

    def __init__(self, app: AppContext, store: FileStore) -> None:
        self._app, self._store = app, store
        self._uploading: set[str] = set()
        self._task = PeriodicTask("loose files", INTERVAL_SECONDS, self.run)

    async def start(self) -> None:
        """Delete what other processes have left, and begin to search in the background."""
        await self._task.attempt()
        self._task.start()

    async def stop(self) -> None:
        """Stop searching. What is left is found at the next start."""
        await self._task.stop()

    def wake(self) -> None:
        """Search now."""
        self._task.wake()

    async def begin_upload(self, object_id: str) -> None:
        """Record that this process is about to store an object."""
        self._uploading.add(object_id)
        await queries.add_loose(object_id, self._app.instance_channel.instance_id)

    def end_upload(self, object_id: str, *, is_stored: bool) -> None:
        """Say that an upload has ended. `is_stored`: its object belongs to a file now; else it is deleted."""
        self._uploading.discard(object_id)
        if not is_stored:
            self._task.wake()

    async def run(self) -> None:
        """Delete all objects that are given up, and what lost uploads have left."""
        while True:
            found = await queries.loose_objects(BATCH)
            lost = await self._lost(found)
            deleted = [object_id for object_id in lost if await self._try_to_delete(object_id)]
            if len(found) < BATCH or not deleted:
                return

    async def _lost(self, found: list[tuple[str, str | None]]) -> list[str]:
        channel = self._app.instance_channel
        own = channel.instance_id
        if any(instance not in (None, own) for _, instance in found):
            # Asked after the rows were read: an instance that has just started is known then.
            await channel.find_peers()
        alive = channel.live_ids
        return [
            object_id
            for object_id, instance in found
            if instance is None
            or (object_id not in self._uploading if instance == own else instance not in alive)
        ]

    async def _try_to_delete(self, object_id: str) -> bool:
        try:
            # In this order: a crash between two of them leaves the row, and the next search continues.
            if await queries.release(object_id):
                await self._store.delete(object_id)
                await queries.drop_loose(object_id)
        except Unavailable:
            raise
        except Exception as error:  # noqa: BLE001 - of one object: the others must be deleted
            log.error(
                "file not deleted",
                id=object_id,
                error=type(error).__name__,
                at=error_location(error),
            )
            return False
        return True
