"""Files in a bucket of an S3-compatible store. Uploads are first collected in a temporary file of this machine."""

import contextlib
import re
import tempfile
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import IO, TYPE_CHECKING, Any, Final

import structlog

from portico.api import NotFound, OperatorError, Unavailable
from portico.api.db import new_id
from portico_files.settings import FilesSettings
from portico_files.stores import AWAY, BLOCK_BYTES
from portico_files.stores.local import unavailable_errors

if TYPE_CHECKING:
    from obstore.store import S3Store as Bucket

log = structlog.get_logger("portico.files")

MISSING: Final = "files.store: files in an S3-compatible store need the package obstore: pip install 'portico[s3]'."
#: Seconds for which a request is repeated, and that one may take; those to connect.
RETRY_SECONDS: Final = 10
REQUEST_SECONDS: Final = 60
CONNECT_SECONDS: Final = 5
#: Beginning of the keys by which a start checks that objects can be stored.
CHECK_KEY: Final = "portico-check-"

_CODE = re.compile(r"<Code>(\w{1,64})</Code>")
_REGION = re.compile(r"<Region>([\w-]{1,64})</Region>")
#: What to change, by the error that S3 names.
_SENTENCES: Final = {
    "NoSuchBucket": "files.s3_bucket: the store has no bucket {bucket!r}. Create it, or name another one.",
    "InvalidBucketName": "files.s3_bucket: {bucket!r} is no name of a bucket.",
    "InvalidAccessKeyId": "files.s3_key_id: the store does not know this access key id.",
    "SignatureDoesNotMatch": "files.s3_secret_key: it does not belong to the access key id.",
    "AccessDenied": "files.s3_bucket: the key may not read, write and delete objects in {bucket!r}. Allow it.",
    "AuthorizationHeaderMalformed": "files.s3_region: {region!r} is not the region of the bucket{expected}.",
    "PermanentRedirect": "files.s3_region: {region!r} is not the region of the bucket{expected}.",
    "IllegalLocationConstraintException": "files.s3_region: {region!r} is not the region of the bucket.",
}
_REDIRECTED: Final = "redirect"
_UNREACHABLE: Final = "files.s3_endpoint: the store does not answer at {endpoint}. Correct the address, or start the store."
_OTHER: Final = "files.store: objects cannot be stored in the bucket {bucket!r} ({code})."
_AMAZON: Final = "Amazon's address"


class S3Store:
    """Objects below the prefix of one bucket. `spool`: the directory of temporary files."""

    def __init__(self, settings: FilesSettings, spool: str) -> None:
        self._settings, self._spool = settings, spool
        self._prefix = f"{settings.s3_prefix.strip('/')}/".lstrip("/")
        self._bucket: Bucket | None = None

    async def start(self) -> None:
        """Store, read and delete a small object (part of `FileStore`)."""
        if not self._settings.s3_bucket:
            raise OperatorError("files.s3_bucket: files.store is s3, so name a bucket.")
        try:
            import obstore
        except ImportError:
            raise OperatorError(MISSING) from None
        key = f"{self._prefix}{CHECK_KEY}{new_id()}"
        try:
            bucket = self._bucket = self._open()
            await obstore.put_async(bucket, key, b"check")
            await (await obstore.get_async(bucket, key)).bytes_async()
            await obstore.delete_async(bucket, key)
        except Exception as error:  # noqa: BLE001 - whatever it is, the operator is told what to change
            raise OperatorError(self._sentence(error)) from None

    def create(self, key: str) -> "NewS3Object":
        """Return a new object (part of `FileStore`)."""
        return NewS3Object(self._opened(), self._prefix + key, self._spool)

    async def read(self, key: str, start: int, end: int) -> AsyncIterator[bytes]:
        """Yield blocks (part of `FileStore`)."""
        import obstore

        if start >= end:
            return
        with translated_errors():
            options: Any = {"range": (start, end)}
            found = await obstore.get_async(self._opened(), self._prefix + key, options=options)
            async for block in found.stream(BLOCK_BYTES):
                yield bytes(block)

    async def exists(self, key: str) -> bool:
        """Return whether there is such an object (part of `FileStore`)."""
        import obstore

        with contextlib.suppress(NotFound), translated_errors():
            await obstore.head_async(self._opened(), self._prefix + key)
            return True
        return False

    async def delete(self, key: str) -> None:
        """Delete an object (part of `FileStore`)."""
        import obstore

        with contextlib.suppress(NotFound), translated_errors():
            await obstore.delete_async(self._opened(), self._prefix + key)

    async def keys(self) -> AsyncIterator[str]:
        """Yield the keys of all objects (part of `FileStore`)."""
        import obstore

        with translated_errors():
            async for some in obstore.list(self._opened(), self._prefix or None, chunk_size=500):
                for one in some:
                    yield one["path"].rpartition("/")[2]

    async def close(self) -> None:
        """Free the connections (part of `FileStore`)."""
        self._bucket = None

    def _opened(self) -> "Bucket":
        if self._bucket is None:
            raise Unavailable(AWAY)
        return self._bucket

    def _open(self) -> "Bucket":
        from obstore.store import S3Store as Bucket

        settings = self._settings
        given: dict[str, Any] = {
            "endpoint": settings.s3_endpoint,
            "region": settings.s3_region,
            "access_key_id": settings.s3_key_id,
            "secret_access_key": settings.s3_secret_key.reveal(),
        }
        return Bucket(
            settings.s3_bucket,
            **{name: value for name, value in given.items() if value},
            virtual_hosted_style_request=settings.s3_addressing == "virtual",
            client_options={
                "allow_http": True,
                "timeout": timedelta(seconds=REQUEST_SECONDS),
                "connect_timeout": timedelta(seconds=CONNECT_SECONDS),
            },
            retry_config={"max_retries": 3, "retry_timeout": timedelta(seconds=RETRY_SECONDS)},
        )

    def _sentence(self, error: Exception) -> str:
        """Return what to change. The text of the error has the key id and much else, so it is not repeated."""
        text, settings = str(error), self._settings
        code = found[1] if (found := _CODE.search(text)) else ""
        expected = f", which is {region[1]!r}" if (region := _REGION.search(text)) else ""
        if code in _SENTENCES:
            sentence = _SENTENCES[code]
        elif _REDIRECTED in text.lower():
            sentence = _SENTENCES["PermanentRedirect"]
        else:
            answered = code or "status code" in text
            sentence = _OTHER if answered else _UNREACHABLE
        return sentence.format(
            bucket=settings.s3_bucket,
            region=settings.s3_region,
            expected=expected,
            endpoint=settings.s3_endpoint or _AMAZON,
            code=code or type(error).__name__,
        )


class NewS3Object:
    """An object that is collected in a temporary file, which has no name, so that a crash leaves nothing."""

    def __init__(self, bucket: "Bucket", key: str, spool: str) -> None:
        self._bucket, self._key, self._spool = bucket, key, spool
        self._file: IO[bytes] | None = None

    def write(self, data: bytes) -> None:
        """Append to the temporary file (part of `NewObject`)."""
        with unavailable_errors():
            if self._file is None:
                self._file = tempfile.TemporaryFile(dir=self._spool)  # noqa: SIM115 - closed by `discard`
            self._file.write(data)

    async def keep(self) -> None:
        """Send the file to the store (part of `NewObject`)."""
        import obstore

        with translated_errors():
            if self._file is None:
                await obstore.put_async(self._bucket, self._key, b"")
                return
            self._file.seek(0)
            await obstore.put_async(self._bucket, self._key, self._file)

    def discard(self) -> None:
        """Close the temporary file, which deletes it (part of `NewObject`)."""
        if self._file is not None:
            with contextlib.suppress(OSError):  # what is buffered may not fit on the disk
                self._file.close()
            self._file = None


@contextlib.contextmanager
def translated_errors() -> Iterator[None]:
    """Translate errors of the store. Raises: NotFound for an object that it does not have; Unavailable."""
    from obstore.exceptions import BaseError

    try:
        yield
    except FileNotFoundError as error:
        if "NoSuchBucket" in str(error):
            raise Unavailable(AWAY) from None
        raise NotFound from None
    except BaseError as error:
        code = found[1] if (found := _CODE.search(str(error))) else ""
        log.error("files cannot be stored", error=type(error).__name__, reason=code)
        raise Unavailable(AWAY) from None
