"""Backups below a prefix in a bucket of an S3-compatible store."""

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, Final

from portico.backup.encoding import BLOCK_BYTES, DAMAGED
from portico.backup.errors import BackupRefused, DamagedBackup
from portico.backup.manifest import MAX_BYTES
from portico.backup.storage import BACKUP_ID, MANIFEST, NAME
from portico.settings.backup import BackupSettings

MISSING: Final = (
    "Backups in an S3-compatible store need the package obstore: pip install 'portico[s3]'."
)
URL: Final = re.compile(r"s3://(?P<bucket>[A-Za-z0-9][A-Za-z0-9._-]{1,62})(?:/(?P<prefix>[^?#]*))?")
_CODE = re.compile(r"<Code>(\w{1,64})</Code>")


class BackupBucket:
    """A prefix in a bucket. What is being written gets its name only when it is complete."""

    is_shared = True

    def __init__(self, url: str, settings: BackupSettings) -> None:
        found = URL.fullmatch(url)
        if found is None:
            raise BackupRefused("Name a bucket and a prefix: s3://bucket/prefix.")
        try:
            from obstore.store import S3Store
        except ImportError:
            raise BackupRefused(MISSING) from None
        given: dict[str, Any] = {
            "endpoint": settings.s3_endpoint,
            "region": settings.s3_region,
            "access_key_id": settings.s3_key_id,
            "secret_access_key": settings.s3_secret_key.reveal(),
        }
        prefix = (found["prefix"] or "").strip("/")
        self._prefix = f"{prefix}/" if prefix else ""
        self._bucket = found["bucket"]
        self._backup_id = ""
        with self._translated():
            self._store = S3Store(
                self._bucket,
                **{name: value for name, value in given.items() if value},
                virtual_hosted_style_request=settings.s3_addressing == "virtual",
                client_options={"allow_http": True},
            )

    def begin(self, backup_id: str) -> None:
        """Begin (part of `BackupStorage`)."""
        self._backup_id = backup_id

    def create(self, name: str) -> "BucketPart":
        """Return a new object (part of `BackupStorage`)."""
        return BucketPart(self, name)

    def publish(self, manifest: bytes) -> None:
        """Store the manifest (part of `BackupStorage`)."""
        self.put(f"backups/{self._backup_id}/{MANIFEST}", manifest)

    def backup_ids(self) -> list[str]:
        """Return the ids of the complete backups (part of `BackupStorage`)."""
        found = []
        for place, _ in self._listed("backups/"):
            _, name, file = place.split("/") if place.count("/") == 2 else ("", "", "")
            if file == MANIFEST and BACKUP_ID.fullmatch(name):
                found.append(name)
        return sorted(found)

    def manifest(self, backup_id: str) -> bytes:
        """Return a manifest (part of `BackupStorage`)."""
        found = bytearray()
        for block in self._blocks(f"backups/{backup_id}/{MANIFEST}"):
            found += block
            if len(found) > MAX_BYTES:
                raise DamagedBackup(DAMAGED.format("its manifest is too large"))
        return bytes(found)

    def read(self, place: str, size: int) -> Iterator[bytes]:
        """Yield the bytes of an object (part of `BackupStorage`)."""
        left = size
        for block in self._blocks(place):
            left -= len(block)
            if left < 0:
                break
            yield block
        if left:
            raise DamagedBackup(DAMAGED.format(f"{place} has another size"))

    def contents(self) -> Iterator[tuple[str, int]]:
        """Yield the contents (part of `BackupStorage`)."""
        return ((place, size) for place, size in self._listed("contents/") if NAME.fullmatch(place))

    def delete(self, place: str) -> None:
        """Delete an object (part of `BackupStorage`)."""
        import obstore

        with self._translated():
            obstore.delete(self._store, self._key(place))

    def close(self) -> None:
        """Do nothing: what was not completed is not there (part of `BackupStorage`)."""

    def put(self, name: str, content: bytes | IO[bytes]) -> None:
        """Store an object."""
        import obstore

        with self._translated():
            obstore.put(self._store, self._key(name), content)

    def writer(self, name: str) -> Any:
        """Return a file whose content becomes an object when it is closed."""
        import obstore

        return obstore.open_writer(self._store, self._key(name), buffer_size=8 * 1024 * 1024)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        from obstore.exceptions import BaseError

        try:
            yield
        except FileNotFoundError as error:
            if "NoSuchBucket" in str(error):
                raise BackupRefused(f"There is no bucket {self._bucket!r}.") from None
            raise DamagedBackup(DAMAGED.format("a part is missing")) from None
        except (BaseError, OSError, ValueError) as error:
            # The text of the error has the key id and much else, so it is not repeated.
            code = found[1] if (found := _CODE.search(str(error))) else type(error).__name__
            raise BackupRefused(
                f"The store of s3://{self._bucket} does not do what it is asked ({code}). Check backup.s3_endpoint, "
                "backup.s3_region, backup.s3_key_id and backup.s3_secret_key."
            ) from None

    def _blocks(self, place: str) -> Iterator[bytes]:
        import obstore

        with self._translated():
            for block in obstore.get(self._store, self._key(place)).stream(BLOCK_BYTES):
                yield bytes(block)

    def _listed(self, below: str) -> Iterator[tuple[str, int]]:
        import obstore

        with self._translated():
            for some in obstore.list(self._store, f"{self._prefix}{below}", chunk_size=500):
                for one in some:
                    yield one["path"].removeprefix(self._prefix), one["size"]

    def _key(self, place: str) -> str:
        if not NAME.fullmatch(place):
            raise DamagedBackup(DAMAGED.format("a part has an impossible name"))
        return self._prefix + place


class BucketPart:
    """An object. One whose name is not known yet is collected in a temporary file without a name."""

    def __init__(self, bucket: BackupBucket, name: str) -> None:
        self._bucket, self._name = bucket, name
        self._file: Any = bucket.writer(name) if name else tempfile.TemporaryFile()  # noqa: SIM115

    def write(self, data: bytes) -> object:
        """Append bytes (part of `NewPart`)."""
        with self._bucket._translated():  # noqa: SLF001 - of this module
            return self._file.write(data)

    def finish(self, name: str) -> str:
        """Store it (part of `NewPart`)."""
        if self._name:
            with self._bucket._translated():  # noqa: SLF001 - of this module
                self._file.close()
        else:
            self._file.seek(0)
            self._bucket.put(name, self._file)
            self._file.close()
        return name

    def discard(self) -> None:
        """Give it up: a temporary file ends, and an upload that is not closed stores nothing (part of `NewPart`)."""
        if not self._name:
            self._file.close()
