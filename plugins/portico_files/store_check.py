"""Compares the store with the database: contents without a file, and files without content."""

from typing import Final

import msgspec

from portico_files import queries
from portico_files.stores import FileStore

#: Ids in one statement.
BATCH: Final = 200


class StoreReport(msgspec.Struct, frozen=True):
    """What does not fit. `files_without_content`: ids of files. `objects_without_file`: keys of objects."""

    files: int
    files_without_content: list[str]
    objects_without_file: list[str]


async def check_store(store: FileStore) -> StoreReport:
    """Compare. Servers may run meanwhile: what they upload and delete has rows before it has objects, and after."""
    keys: set[str] = set()
    unknown: list[str] = []
    batch: list[str] = []
    async for key in store.keys():
        keys.add(key)
        batch.append(key)
        if len(batch) == BATCH:
            unknown += await _without_row(batch)
            batch = []
    unknown += await _without_row(batch)
    files, missing, last = 0, [], ""
    while ids := await queries.ids_after(last, BATCH):
        files, last = files + len(ids), ids[-1]
        # One that was uploaded meanwhile is not among the keys.
        missing += [one for one in ids if one not in keys and not await store.exists(one)]
    gone = await _without_row(missing)  # deleted meanwhile
    return StoreReport(files, sorted(set(missing) - set(gone)), sorted(unknown))


async def _without_row(ids: list[str]) -> list[str]:
    found: list[str] = []
    for start in range(0, len(ids), BATCH):
        some = ids[start : start + BATCH]
        known = await queries.known_ids(some)
        found += [one for one in some if one not in known]
    return found
