"""Deletes old backups of a directory or bucket, and the contents that no other backup has."""

from portico.backup.content_index import ContentIndex, read_entry
from portico.backup.manifest import EncodedManifest
from portico.backup.parts import PartStore, lines_of
from portico.backup.storage import MANIFEST, BackupStorage


def prune(storage: BackupStorage, keep: int, passphrase: bytes | None) -> int:
    """Delete all but the newest `keep` backups, and return how many were deleted. Blocks.

    The manifest of a backup is deleted first, so one that is deleted in part is no backup any more. Raises: DamagedBackup.
    """
    ids = storage.backup_ids()
    old, kept = ids[:-keep], ids[-keep:]
    if not old:
        return 0
    key = EncodedManifest(storage.manifest(ids[-1])).key(passphrase)
    parts, index = PartStore(storage, key), ContentIndex()
    try:
        for backup_id in kept:
            manifest = EncodedManifest(storage.manifest(backup_id)).open(key)
            index.add_known(read_entry(one) for one in lines_of(parts.read(manifest.contents)))
        for backup_id in old:
            manifest = EncodedManifest(storage.manifest(backup_id)).open(key)
            storage.delete(f"backups/{backup_id}/{MANIFEST}")
            for part in manifest.parts():
                storage.delete(part.place)
        for place, _ in list(storage.contents()):
            if not index.uses(place):
                storage.delete(place)
        return len(old)
    finally:
        index.close()
