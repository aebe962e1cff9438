"""Writes and reads the parts of a backup."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator

from portico.backup.encoding import DAMAGED, Encoder, decoded
from portico.backup.errors import DamagedBackup
from portico.backup.manifest import StoredPart
from portico.backup.passphrase import BackupKey
from portico.backup.storage import BackupStorage


class OpenPart:
    """A part that is being written. All methods block."""

    def __init__(self, storage: BackupStorage, key: BackupKey | None, name: str = "") -> None:
        self._part = storage.create(name)
        self._name = name
        self._encoder = Encoder(self._part, key)
        self.write = self._encoder.write

    @property
    def plain_digest(self) -> str:
        """SHA-256 of what was written."""
        return self._encoder.plain_digest

    def finish(self, name: str = "") -> StoredPart:
        """Store it. `name`: if it was not known before."""
        encoder = self._encoder
        encoder.finish()
        place = self._part.finish(name or self._name)
        return StoredPart(
            place, encoder.size, encoder.digest, encoder.plain_size, encoder.plain_digest
        )

    def discard(self) -> None:
        """Give it up. May be called after `finish`."""
        self._part.discard()


class PartStore:
    """The parts of one target. `key`: None = they are not encrypted."""

    def __init__(self, storage: BackupStorage, key: BackupKey | None) -> None:
        self.storage, self.key = storage, key

    def open(self, name: str = "") -> OpenPart:
        """Return a new part."""
        return OpenPart(self.storage, self.key, name)

    def store(self, name: str, blocks: Iterable[bytes]) -> StoredPart:
        """Store a part. Blocks."""
        part = self.open(name)
        try:
            for block in blocks:
                part.write(block)
            return part.finish()
        finally:
            part.discard()

    def read(
        self, part: StoredPart, on_bytes: Callable[[int], object] = lambda _: None
    ) -> Iterator[bytes]:
        """Yield what a part contains, and check it at the end. Blocks. Raises: DamagedBackup, WrongPassphrase."""
        stored, plain = hashlib.sha256(), hashlib.sha256()

        def checked() -> Iterator[bytes]:
            for block in self.storage.read(part.place, part.size):
                stored.update(block)
                on_bytes(len(block))
                yield block
            if stored.hexdigest() != part.digest:
                raise DamagedBackup(DAMAGED.format(f"{part.described} was changed"))

        for block in decoded(checked(), self.key, part.plain_size):
            plain.update(block)
            yield block
        if plain.hexdigest() != part.plain_digest:
            raise DamagedBackup(DAMAGED.format(f"{part.described} was changed"))

    def check(self, part: StoredPart) -> None:
        """Read a part. Blocks. Raises: DamagedBackup, WrongPassphrase."""
        for _ in self.read(part):
            pass

    def read_json(self, part: StoredPart, limit: int = 64 * 1024 * 1024) -> object:
        """Return a part that contains JSON. Raises: DamagedBackup."""
        if part.plain_size > limit:
            raise DamagedBackup(DAMAGED.format(f"{part.described} is too large"))
        try:
            return json.loads(b"".join(self.read(part)))
        except ValueError:
            raise DamagedBackup(DAMAGED.format(f"{part.described} cannot be read")) from None


def lines_of(blocks: Iterable[bytes], limit: int = 1024 * 1024) -> Iterator[bytes]:
    """Yield the lines of a text. Raises: DamagedBackup for one that is longer than `limit` bytes."""
    left = b""
    for block in blocks:
        *lines, left = (left + block).split(b"\n")
        yield from lines
        if len(left) > limit:
            break
    if left:
        raise DamagedBackup(DAMAGED.format("a list ends in the middle of a line"))
