"""A backup that was found in a target, with its manifest."""

import asyncio
from collections.abc import Iterator

from portico.backup.content_index import ContentEntry, ContentIndex, read_entry
from portico.backup.encoding import DAMAGED
from portico.backup.errors import BackupRefused, DamagedBackup
from portico.backup.manifest import MAGIC, BackupManifest, EncodedManifest
from portico.backup.parts import PartStore, lines_of
from portico.backup.storage import BACKUP_ID, BackupStorage
from portico.backup.storage.single_file import SingleFile


class OpenedBackup:
    """A backup whose manifest was read and decrypted."""

    def __init__(self, parts: PartStore, manifest: BackupManifest) -> None:
        self.parts, self.manifest = parts, manifest

    def contents(self) -> Iterator[ContentEntry]:
        """Yield the contents that it has. Blocks. Raises: DamagedBackup."""
        for line in lines_of(self.parts.read(self.manifest.contents)):
            yield read_entry(line)

    def size(self) -> int:
        """Return the stored bytes, without those of contents."""
        return sum(part.size for part in self.manifest.parts())

    def check_places(self) -> None:
        """Check that a file has nothing that no digest covers. Blocks. Raises: DamagedBackup."""
        storage = self.parts.storage
        if not isinstance(storage, SingleFile):
            return
        index = ContentIndex()
        try:
            own = [(part.place, part.size) for part in self.manifest.parts()]
            entries = ((e.part.place, e.part.size) for e in self.contents() if e.part is not None)
            index.add_present(own)
            index.add_present(entries)
            if index.gap(len(MAGIC), storage.manifest_offset):
                raise DamagedBackup(DAMAGED.format("it has bytes that belong to no part"))
        finally:
            index.close()


async def open_backup(
    storage: BackupStorage, passphrase: bytes | None, backup_id: str = ""
) -> OpenedBackup:
    """Open a backup. `backup_id`: empty = the newest one. Raises: DamagedBackup, WrongPassphrase, BackupRefused."""
    return await asyncio.to_thread(_open, storage, passphrase, backup_id)


def _open(storage: BackupStorage, passphrase: bytes | None, backup_id: str) -> OpenedBackup:
    if backup_id and not BACKUP_ID.fullmatch(backup_id):
        raise BackupRefused("This is no id of a backup: `portico backup list` shows them.")
    ids = storage.backup_ids()
    if not ids:
        raise BackupRefused("There is no complete backup in this target.")
    if backup_id and storage.is_shared and backup_id not in ids:
        raise BackupRefused(f"There is no backup {backup_id}: `portico backup list` shows them.")
    encoded = EncodedManifest(storage.manifest(backup_id or ids[-1]))
    key = encoded.key(passphrase)
    manifest = encoded.open(key)
    if (
        backup_id
        and manifest.id != backup_id
        or storage.is_shared
        and manifest.id != (backup_id or ids[-1])
    ):
        raise DamagedBackup(DAMAGED.format("its manifest belongs to another backup"))
    return OpenedBackup(PartStore(storage, key), manifest)
