"""What one try is counted against."""

import hashlib
from typing import NamedTuple

from portico.limits.address import network_of
from portico.settings.schema import LimitSettings
from portico.settings.section import Secret

#: Doors at which a password is guessed. Whoever guesses at one is not given as many guesses again at the next.
PASSWORD_DOORS = frozenset(("signin", "ldap", "password"))


class Budget(NamedTuple):
    """So many tries within so many seconds. `returns`: a try that succeeds does not count."""

    key: str
    most: int
    window: float
    returns: bool


class Budgets:
    """Finds the budgets of a try. The secret keeps whoever reads the keys from finding out whose they are."""

    def __init__(self, settings: LimitSettings, secret: Secret) -> None:
        self._settings = settings
        self._key = hashlib.sha256(b"portico.limits:" + secret.reveal().encode()).digest()

    def of_address(self, door: str, address: str) -> Budget:
        key = self.digest("address", _guarded(door), network_of(address))
        return Budget(key, self._settings.failures, self._settings.window, returns=True)

    def of_pair(self, door: str, address: str, account: str) -> Budget:
        key = self.digest("pair", door, network_of(address), account)
        return Budget(key, self._settings.tries, self._settings.window, returns=False)

    def of_account(self, door: str, account: str) -> Budget:
        key = self.digest("account", _guarded(door), account)
        settings = self._settings
        return Budget(key, settings.account_failures, settings.account_window, returns=True)

    def of_copies(self, account_id: str) -> Budget:
        """Of what one account may do with `limited` routes, all of them together."""
        key = self.digest("copies", account_id)
        return Budget(key, self._settings.copies, self._settings.copies_window, returns=False)

    def familiar(self, address: str, account: str) -> str:
        """The name of an account and a network together."""
        return self.digest("familiar", network_of(address), account)

    def digest(self, kind: str, *parts: str) -> str:
        """Short, the same on every instance, and telling nothing."""
        text = "\x00".join(parts).encode("utf-8", "surrogatepass")
        return f"{kind}:{hashlib.blake2b(text, key=self._key, digest_size=16).hexdigest()}"


def _guarded(door: str) -> str:
    return "guess" if door in PASSWORD_DOORS else door
