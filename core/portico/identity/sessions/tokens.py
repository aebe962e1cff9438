"""Session tokens: signing, verification and lifetime.

A valid signature is not enough: `sessions` decides whether the session still exists.
"""

import math
import re
from collections import OrderedDict
from contextlib import suppress
from typing import Annotated

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from portico.db import now
from portico.errors import INVALID_TOKEN, Unauthenticated
from portico.settings.problems import BadSettings, Problem
from portico.settings.secret_key import check_strength
from portico.settings.section import Secret

#: {"alg":"HS256","typ":"JWT"}. Tokens must begin with exactly this, so no other algorithm and no option of the header
#: is ever processed.
HEADER = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."
MAX_TOKEN_CHARS = 8 * 1024
MAX_CACHED_TOKENS = 4096
#: The clocks of two instances may differ by this much.
LEEWAY_SECONDS = 60
#: A hundred years; `-1` means no limit.
MAX_LIFETIME_SECONDS = 100 * 365 * 86400

_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_SPAN = re.compile(r"([+-]?[0-9]{1,15}(?:\.[0-9]{1,9})?)(ms|s|m|h|d|w)")

# Stricter than the format requires, so that every value can be passed to a database.
Id = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,64}\Z")]
Epoch = Annotated[int, msgspec.Meta(ge=0, le=2**62)]


class Claims(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The claims of a token: account id, session id (`jti`), expiry, and the epoch of the account when it was issued.

    Units: `exp` in epoch seconds; None = never.
    """

    id: Id
    jti: Id
    epoch: Epoch
    exp: int | None = None


def parse_lifetime(text: str) -> int | None:
    """Return the lifetime in seconds, rounded up; None = unlimited.

    Source: the grammar of JWT_EXPIRES_IN, `-1` or `0` or pairs of number and unit that are summed: `1h30m`,
    `1.5d`. Raises: BadSettings.
    """
    text = text.strip()
    if text in ("-1", "0"):
        return None
    if text and _SPAN.sub("", text) == "":
        seconds = sum(float(number) * _SECONDS[unit] for number, unit in _SPAN.findall(text))
        if 0 < seconds <= MAX_LIFETIME_SECONDS:
            return math.ceil(seconds)
    reason = "is not a time span; write 4w, 1.5d or 1h30m, or -1 for no limit (JWT_EXPIRES_IN)"
    raise BadSettings([Problem("identity.session_lifetime", reason, value=text)])


def is_valid_lifetime(text: str, min_seconds: int) -> bool:
    """Return whether a text is a time span of at least `min_seconds`, or unlimited."""
    try:
        lifetime = parse_lifetime(text)
    except BadSettings:
        return False
    return lifetime is None or lifetime >= min_seconds


class TokenSigner:
    """Signs and verifies session tokens. Raises: BadSettings for a weak secret or an invalid lifetime."""

    def __init__(self, secret: Secret, lifetime: str) -> None:
        check_strength(secret.reveal(), "identity.secret_key (WEBUI_SECRET_KEY)")
        self.lifetime = parse_lifetime(lifetime)
        self._lifetime_text = lifetime
        self._key = OctKey.import_key(secret.reveal().encode())
        self._decoder = msgspec.json.Decoder(Claims)
        self._cached: OrderedDict[str, Claims] = OrderedDict()

    def set_lifetime(self, lifetime: str) -> None:
        """Change the lifetime of tokens. An unreadable value is ignored."""
        if lifetime != self._lifetime_text:
            self._lifetime_text = lifetime
            with suppress(BadSettings):
                self.lifetime = parse_lifetime(lifetime)

    def sign(self, account_id: str, jti: str, epoch: int) -> tuple[str, int | None]:
        """Return a new token, and when it expires in epoch seconds (None = never)."""
        expires_at = None if self.lifetime is None else now() + self.lifetime
        claims: dict[str, str | int] = {"id": account_id, "jti": jti, "epoch": epoch}
        if expires_at is not None:
            claims["exp"] = expires_at
        header = {"alg": "HS256", "typ": "JWT"}
        return jws.serialize_compact(header, msgspec.json.encode(claims), self._key), expires_at

    def verify(self, token: str) -> Claims:
        """Return the claims of a token. Raises: Unauthenticated if the signature is not valid or it has expired."""
        claims = self._cached.get(token)
        if claims is None:
            claims = self._read(token)
            self._cached[token] = claims
            if len(self._cached) > MAX_CACHED_TOKENS:
                self._cached.popitem(last=False)
        else:
            self._cached.move_to_end(token)
        if not self._is_valid(claims.exp):
            self._cached.pop(token, None)
            raise Unauthenticated(INVALID_TOKEN)
        return claims

    def forget(self, token: str) -> None:
        """Drop the cached claims of a token whose session has ended."""
        self._cached.pop(token, None)

    def _read(self, token: str) -> Claims:
        if len(token) > MAX_TOKEN_CHARS or not token.startswith(HEADER):
            raise Unauthenticated(INVALID_TOKEN)
        try:
            signed = jws.deserialize_compact(token, self._key, algorithms=["HS256"])
            return self._decoder.decode(signed.payload)
        except (JoseError, msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise Unauthenticated(INVALID_TOKEN) from error

    def _is_valid(self, expires_at: int | None) -> bool:
        """Return whether a token with this expiry is valid now. Checked on every use, also for cached claims.

        An expiry beyond the current lifetime means that the operator shortened the lifetime since; the token is refused.
        """
        if expires_at is None:
            return self.lifetime is None
        left = expires_at - now()
        return left > 0 and (self.lifetime is None or left <= self.lifetime + LEEWAY_SECONDS)
