"""A key: how it is made, how it is known again, and what is told of it."""

import hashlib
import re
import secrets

import msgspec

#: What every key, and no other token, begins with.
PREFIX = "sk-"
#: Characters of a key that are kept and shown: 16 of its 128 bits.
SHOWN = len(PREFIX) + 4

_KEY = re.compile(rf"{PREFIX}[0-9a-f]{{32}}", re.ASCII)


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """What is told of a key. Units: times in epoch seconds; None = never.

    `prefix`: how it begins. `endpoints`, `scopes`: what it is good for; null = everything its owner may do.
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


#: The columns of a `Key`, for a SELECT.
COLUMNS = ", ".join(f"k.{name}" for name in ApiKey.__struct_fields__)


def new_key() -> str:
    """`sk-` and 128 random bits in lower-case hexadecimal."""
    return PREFIX + secrets.token_hex(16)


def is_key(token: str) -> bool:
    """Whether it looks like one."""
    return _KEY.fullmatch(token) is not None


def digest_of(key: str) -> str:
    """What is kept of a key. Nobody guesses 128 random bits, so it need not be slow."""
    return hashlib.sha256(key.encode()).hexdigest()
