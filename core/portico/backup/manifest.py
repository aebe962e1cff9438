"""The manifest of a backup: what is in it, and the digest of each part. It is written last, and ends with its own digest."""

import hashlib
import io
from typing import Any, Final

import msgspec

from portico.backup.encoding import BLOCK_BYTES, DAMAGED, Encoder, decoded
from portico.backup.errors import BackupRefused, DamagedBackup, WrongPassphrase
from portico.backup.passphrase import BackupKey, KeyDerivation

MAGIC: Final = b"portico backup 1\n"
#: Bytes of a manifest, encoded and decoded.
MAX_BYTES: Final = 64 * 1024 * 1024
DIGEST_BYTES: Final = 32


class StoredPart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A part of a backup. `place`: its name below the target, or its offset in the file; sizes in bytes; digests are SHA-256.

    `size`, `digest`: as it is stored; `plain_size`, `plain_digest`: of what it contains.
    """

    place: str
    size: int
    digest: str
    plain_size: int
    plain_digest: str

    @property
    def described(self) -> str:
        """Where it is, for an error: its name, or at which byte it begins."""
        return f"the part at byte {self.place}" if self.place.isdecimal() else self.place


class TablePart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The rows of a table. `part`: None = they are in the database file."""

    name: str
    rows: int
    columns: tuple[str, ...] = ()
    part: StoredPart | None = None


class ContentSummary(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The contents of one store. `missing`: of them, the store had none when the backup was made."""

    name: str
    number: int
    bytes: int
    missing: int = 0


class KeyFingerprints(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The keys in use in the database. None = there is none yet."""

    secret: str | None = None
    encryption: str | None = None


class BackupManifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a backup has. Times are epoch seconds.

    `database`: the SQLite file, or the description of the PostgreSQL schema. `is_encrypted_file`: it is an SQLCipher file.
    `contents`: the index of the contents of all stores, by `summaries`. `discarded`: parts of a file that belong to nothing.
    """

    id: str
    begun_at: int
    ended_at: int
    release: str
    dialect: str
    database: StoredPart
    tables: tuple[TablePart, ...]
    keys: KeyFingerprints
    contents: StoredPart
    summaries: tuple[ContentSummary, ...] = ()
    is_encrypted_file: bool = False
    policies: StoredPart | None = None
    secrets: StoredPart | None = None
    discarded: tuple[StoredPart, ...] = ()

    def parts(self) -> list[StoredPart]:
        """Return all parts, without those of the contents."""
        tables = [one.part for one in self.tables]
        found = [self.database, *tables, self.contents, self.policies, self.secrets]
        return [one for one in (*found, *self.discarded) if one is not None]


class _Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    size: int
    encryption: KeyDerivation | None = None


def encode_manifest(manifest: BackupManifest, key: BackupKey | None) -> bytes:
    """Return a manifest as it is stored."""
    plain, body = msgspec.json.encode(manifest), io.BytesIO()
    encoder = Encoder(body, key)
    encoder.write(plain)
    encoder.finish()
    header = msgspec.json.encode(_Header(len(plain), key.derivation if key else None))
    text = MAGIC + header + b"\n" + body.getvalue()
    return text + hashlib.sha256(text).digest()


class EncodedManifest:
    """A manifest that was read and is not decoded yet. Raises: DamagedBackup."""

    def __init__(self, data: bytes) -> None:
        text, digest = data[:-DIGEST_BYTES], data[-DIGEST_BYTES:]
        if not text.startswith(MAGIC):
            raise DamagedBackup(
                "This is no backup of Portico, or one of a newer release, or its beginning is damaged."
            )
        if hashlib.sha256(text).digest() != digest:
            raise DamagedBackup(DAMAGED.format("its manifest is not the one that was written"))
        head, _, self._body = text[len(MAGIC) :].partition(b"\n")
        self._header: _Header = _decode(head, _Header)
        if not 0 < self._header.size <= MAX_BYTES:
            raise DamagedBackup(DAMAGED.format("its manifest has an impossible size"))

    @property
    def derivation(self) -> KeyDerivation | None:
        """How the key is derived; None = the backup is not encrypted."""
        return self._header.encryption

    def key(self, passphrase: bytes | None) -> BackupKey | None:
        """Return the key for a passphrase. Raises: WrongPassphrase if there must be one, or none."""
        if self.derivation is None:
            return None
        if passphrase is None:
            raise WrongPassphrase("The backup is encrypted: name its --passphrase-file.")
        return BackupKey(passphrase, self.derivation)

    def open(self, key: BackupKey | None) -> BackupManifest:
        """Return the manifest. Raises: WrongPassphrase, DamagedBackup."""
        blocks = [self._body[n : n + BLOCK_BYTES] for n in range(0, len(self._body), BLOCK_BYTES)]
        manifest: BackupManifest = _decode(
            b"".join(decoded(blocks, key, self._header.size)), BackupManifest
        )
        return manifest


def require_passphrase(data: EncodedManifest, passphrase: bytes | None) -> None:
    """Raises: BackupRefused if the backups of a target are encrypted and this one would not be, or the reverse."""
    if (data.derivation is None) != (passphrase is None):
        state = "not encrypted" if data.derivation is None else "encrypted"
        raise BackupRefused(f"The backups in this target are {state}: choose another target.")


def _decode(data: bytes, kind: Any) -> Any:
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise DamagedBackup(DAMAGED.format("its manifest cannot be read")) from None
