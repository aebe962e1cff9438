"""How the parts of a backup are stored: compressed, then encrypted in chunks if asked.

An encrypted part is a salt, then chunks of AES-256-GCM. The nonce of a chunk is its number and whether it is the last one, so
a part that is cut short, or whose chunks are exchanged, cannot be decrypted.
"""

import hashlib
import secrets
from collections.abc import Iterable, Iterator
from typing import Any, Final, Protocol

from cryptography.exceptions import InvalidTag

from portico.backup.errors import DamagedBackup, WrongPassphrase
from portico.backup.passphrase import SALT_BYTES, BackupKey

#: Bytes of a chunk before it is encrypted.
CHUNK_BYTES: Final = 64 * 1024
TAG_BYTES: Final = 16
#: Bytes that are read, and that a decompressor may return, at once.
BLOCK_BYTES: Final = 1024 * 1024
LEVEL: Final = 6
#: Logarithm of the largest window: what a decompressor may keep in memory.
MAX_WINDOW_LOG: Final = 23
DAMAGED: Final = "The backup is damaged: {}."


def zstd() -> Any:
    """Return the module for Zstandard."""
    try:
        from compression import zstd as module  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        from backports import zstd as module
    return module


class ByteSink(Protocol):
    """Where encoded bytes go."""

    def write(self, data: bytes) -> object:
        """Append bytes."""
        ...


class Encoder:
    """Encodes one part into `sink`. `key`: None = not encrypted.

    `size` and `digest`: of what was stored; `plain_size` and `plain_digest`: of what was written.
    """

    def __init__(self, sink: ByteSink, key: BackupKey | None) -> None:
        self._sink = sink
        self._compressor = zstd().ZstdCompressor(level=LEVEL)
        self._stored, self._plain = hashlib.sha256(), hashlib.sha256()
        self.size = self.plain_size = 0
        self._chunk, self._number = bytearray(), 0
        self._cipher = None
        if key is not None:
            salt = secrets.token_bytes(SALT_BYTES)
            self._cipher = key.cipher(salt)
            self._store(salt)

    def write(self, data: bytes) -> None:
        """Append bytes. Blocks."""
        self.plain_size += len(data)
        self._plain.update(data)
        self._pass_on(self._compressor.compress(data))

    def finish(self) -> None:
        """Write what is left."""
        self._pass_on(self._compressor.flush())
        if self._cipher is not None:
            self._encrypt(bytes(self._chunk), is_last=True)

    @property
    def digest(self) -> str:
        """SHA-256 of what was stored."""
        return self._stored.hexdigest()

    @property
    def plain_digest(self) -> str:
        """SHA-256 of what was written."""
        return self._plain.hexdigest()

    def _pass_on(self, data: bytes) -> None:
        if self._cipher is None:
            self._store(data)
            return
        self._chunk += data
        while len(self._chunk) > CHUNK_BYTES:  # one chunk is kept, since it may be the last
            self._encrypt(bytes(self._chunk[:CHUNK_BYTES]), is_last=False)
            del self._chunk[:CHUNK_BYTES]

    def _encrypt(self, chunk: bytes, *, is_last: bool) -> None:
        assert self._cipher is not None
        self._store(self._cipher.encrypt(_nonce(self._number, is_last=is_last), chunk, None))
        self._number += 1

    def _store(self, data: bytes) -> None:
        if data:
            self.size += len(data)
            self._stored.update(data)
            self._sink.write(data)


def decoded(blocks: Iterable[bytes], key: BackupKey | None, plain_size: int) -> Iterator[bytes]:
    """Yield the plain bytes of a part, at most `BLOCK_BYTES` at once and `plain_size` together.

    Raises: DamagedBackup, also if there are more or fewer; WrongPassphrase.
    """
    module = zstd()
    parameters = {module.DecompressionParameter.window_log_max: MAX_WINDOW_LOG}
    decompressor = module.ZstdDecompressor(options=parameters)
    left = plain_size
    for block in _decrypted(blocks, key) if key is not None else blocks:
        data = block
        while data or not (decompressor.eof or decompressor.needs_input):
            if decompressor.eof:
                raise DamagedBackup(DAMAGED.format("a part goes on after its end"))
            try:
                plain = decompressor.decompress(data, BLOCK_BYTES)
            except module.ZstdError:
                raise DamagedBackup(DAMAGED.format("a part cannot be decompressed")) from None
            data = b""
            if decompressor.eof and decompressor.unused_data:
                raise DamagedBackup(DAMAGED.format("a part goes on after its end"))
            left -= len(plain)
            if left < 0:
                raise DamagedBackup(DAMAGED.format("a part is larger than it says"))
            if plain:
                yield plain
            if decompressor.needs_input:
                break
    if left or not decompressor.eof:
        raise DamagedBackup(DAMAGED.format("a part is cut short"))


def _decrypted(blocks: Iterable[bytes], key: BackupKey) -> Iterator[bytes]:
    """Yield the chunks of a part. Raises: WrongPassphrase at the first one, DamagedBackup."""
    buffer, cipher, number = bytearray(), None, 0
    width = CHUNK_BYTES + TAG_BYTES
    for block in blocks:
        buffer += block
        if cipher is None and len(buffer) >= SALT_BYTES:
            cipher = key.cipher(bytes(buffer[:SALT_BYTES]))
            del buffer[:SALT_BYTES]
        while cipher is not None and len(buffer) > width:
            yield _open(cipher, bytes(buffer[:width]), number, is_last=False)
            del buffer[:width]
            number += 1
    if cipher is None:
        raise DamagedBackup(DAMAGED.format("a part is cut short"))
    yield _open(cipher, bytes(buffer), number, is_last=True)


def _open(cipher: Any, chunk: bytes, number: int, *, is_last: bool) -> bytes:
    try:
        return bytes(cipher.decrypt(_nonce(number, is_last=is_last), chunk, None))
    except (InvalidTag, ValueError):
        raise WrongPassphrase(
            "The passphrase is another one than that of the backup, or the backup is damaged."
        ) from None


def _nonce(number: int, *, is_last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([is_last])
