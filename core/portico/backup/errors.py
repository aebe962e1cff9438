"""Why a backup cannot be made, read or restored."""

from portico.errors import OperatorError


class BackupRefused(OperatorError):
    """A backup cannot be made or restored here until the operator changes something."""


class DamagedBackup(OperatorError):
    """A backup is cut short or changed, or is none."""


class WrongPassphrase(OperatorError):
    """The passphrase does not decrypt the backup, or there is none."""
