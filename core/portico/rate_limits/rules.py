"""What one try is counted against."""

import hashlib
from typing import NamedTuple

from portico.rate_limits.network import network_of
from portico.settings.schema import RateLimitSettings
from portico.settings.section import Secret

#: Doors at which a password is guessed. Whoever guesses at one is not given as many guesses again at the next.
PASSWORD_DOORS = frozenset(("signin", "ldap", "password"))


class RateLimit(NamedTuple):
    """So many tries within so many seconds. `returns`: a try that succeeds does not count."""

    key: str
    most: int
    window: float
    returns: bool


class Budgets:
    """Finds the budgets of a try. The secret keeps whoever reads the keys from finding out whose they are."""

    def __init__(self, settings: RateLimitSettings, secret: Secret) -> None:
        self._settings = settings
        self._key = hashlib.sha256(b"portico.limits:" + secret.reveal().encode()).digest()

    def for_address(self, endpoint: str, address: str) -> RateLimit:
        key = self.digest("address", _is_password_endpoint(endpoint), network_of(address))
        return RateLimit(
            key, self._settings.address_failures, self._settings.window_seconds, returns=True
        )

    def for_account_and_address(self, endpoint: str, address: str, account: str) -> RateLimit:
        key = self.digest("pair", endpoint, network_of(address), account)
        return RateLimit(
            key, self._settings.account_attempts, self._settings.window_seconds, returns=False
        )

    def for_account(self, endpoint: str, account: str) -> RateLimit:
        key = self.digest("account", _is_password_endpoint(endpoint), account)
        settings = self._settings
        return RateLimit(
            key, settings.account_failures, settings.account_window_seconds, returns=True
        )

    def of_copies(self, account_id: str) -> RateLimit:
        """Of what one account may do with `limited` routes, all of them together."""
        key = self.digest("copies", account_id)
        return RateLimit(
            key, self._settings.copies, self._settings.copies_window_seconds, returns=False
        )

    def location_id(self, address: str, account: str) -> str:
        """The name of an account and a network together."""
        return self.digest("familiar", network_of(address), account)

    def digest(self, kind: str, *parts: str) -> str:
        """Short, the same on every instance, and telling nothing."""
        text = "\x00".join(parts).encode("utf-8", "surrogatepass")
        return f"{kind}:{hashlib.blake2b(text, key=self._key, digest_size=16).hexdigest()}"


def _is_password_endpoint(endpoint: str) -> str:
    return "guess" if endpoint in PASSWORD_DOORS else endpoint
