"""The limits that an attempt is counted against."""

import hashlib
from typing import NamedTuple

from portico.rate_limits.known_locations import network_of
from portico.settings.identity import RateLimitSettings
from portico.settings.section import Secret

#: Endpoints that check a password. They share their limits, so each one gives no additional attempts.
PASSWORD_ENDPOINTS = frozenset(("signin", "ldap", "password"))


class RateLimit(NamedTuple):
    """`limit` attempts within `window` seconds. `refund_on_success`: count failed attempts only."""

    key: str
    limit: int
    window: float
    refund_on_success: bool


class RateLimits:
    """Builds the limits of an attempt. Keys are digests with a secret, so they do not reveal accounts or addresses."""

    def __init__(self, settings: RateLimitSettings, secret: Secret) -> None:
        self._settings = settings
        self._key = hashlib.sha256(b"portico.limits:" + secret.reveal().encode()).digest()

    def for_address(self, endpoint: str, address: str) -> RateLimit:
        """Return the limit of a network for all accounts."""
        key = self.digest("address", _endpoint_group(endpoint), network_of(address))
        return RateLimit(
            key,
            self._settings.address_failures,
            self._settings.window_seconds,
            refund_on_success=True,
        )

    def for_account_and_address(self, endpoint: str, address: str, account: str) -> RateLimit:
        """Return the limit of an account from one network."""
        key = self.digest("pair", endpoint, network_of(address), account)
        return RateLimit(
            key,
            self._settings.account_attempts,
            self._settings.window_seconds,
            refund_on_success=False,
        )

    def for_account(self, endpoint: str, account: str) -> RateLimit:
        """Return the limit of an account from all networks."""
        key = self.digest("account", _endpoint_group(endpoint), account)
        settings = self._settings
        return RateLimit(
            key, settings.account_failures, settings.account_window_seconds, refund_on_success=True
        )

    def for_copies(self, account_id: str) -> RateLimit:
        """Return the limit of an account for all `limited` routes together."""
        key = self.digest("copies", account_id)
        return RateLimit(
            key,
            self._settings.copies,
            self._settings.copies_window_seconds,
            refund_on_success=False,
        )

    def location_id(self, address: str, account: str) -> str:
        """Return the id of an account and a network."""
        return self.digest("familiar", network_of(address), account)

    def digest(self, kind: str, *parts: str) -> str:
        """Return a short digest that is equal on every instance."""
        text = "\x00".join(parts).encode("utf-8", "surrogatepass")
        return f"{kind}:{hashlib.blake2b(text, key=self._key, digest_size=16).hexdigest()}"


def _endpoint_group(endpoint: str) -> str:
    return "guess" if endpoint in PASSWORD_ENDPOINTS else endpoint
