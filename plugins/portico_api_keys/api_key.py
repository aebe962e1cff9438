"""The API key: how it is generated and recognized, and which parts of it are stored."""

import hashlib
import re
import secrets

import msgspec

#: The beginning of every key, and of no other token.
PREFIX = "sk-"
#: Characters of a key that are stored and shown: 16 of its 128 bits.
SHOWN_CHARS = len(PREFIX) + 4

_KEY = re.compile(rf"{PREFIX}[0-9a-f]{{32}}", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """An API key without its secret. Units: times in epoch seconds; null = never.

    `prefix`: the first characters of the key. `endpoints`, `scopes`: what the key is restricted to; null = everything
    its owner may do.
    """

    id: str
    account_id: str
    name: str
    prefix: str
    endpoints: list[str] | None
    scopes: list[str] | None
    enabled: bool
    created_at: int
    expires_at: int | None
    last_used_at: int | None


#: The columns of an `ApiKey`, for a SELECT from `api_keys_key k`.
COLUMNS = ", ".join(f"k.{name}" for name in ApiKey.__struct_fields__)


def new_key() -> str:
    """Return a new key: `sk-` and 128 random bits in lower-case hexadecimal."""
    return PREFIX + secrets.token_hex(16)


def is_key(token: str) -> bool:
    """Return whether a token has the form of a key."""
    return _KEY.fullmatch(token) is not None


def digest_of(key: str) -> str:
    """Return the SHA-256 digest under which a key is stored. A slow hash is not needed for 128 random bits."""
    return hashlib.sha256(key.encode()).hexdigest()


def is_digest(text: str) -> bool:
    """Return whether a text has the form of a digest."""
    return _DIGEST.fullmatch(text) is not None
