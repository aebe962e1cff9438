"""What is changed about an account in one go, and what the audit trail is told of it."""

from collections.abc import Callable
from typing import Any

import msgspec

from portico.identity.accounts.account import Account, check_name, check_role
from portico.identity.accounts.email_address import check_email
from portico.identity.accounts.picture import check_picture

#: What the audit trail shows of an account; everything else is named at most.
AUDITED_FIELDS = ("name", "email")
_CHECKS: dict[str, Callable[[str], str]] = {
    "name": check_name,
    "email": check_email,
    "role": check_role,
    "profile_image_url": check_picture,
}
#: Columns of an account that an `AccountChanges` may change.
CHANGEABLE = tuple(_CHECKS)


class AccountChanges(msgspec.Struct, frozen=True, kw_only=True):
    """What an account is to be from now on; None = as it was."""

    name: str | None = None
    email: str | None = None
    role: str | None = None
    profile_image_url: str | None = None
    password_hash: str | None = None

    def changes(self, account: Account) -> dict[str, str]:
        """The columns that would be others than before, checked.

        What stays as it is is not looked at again: a picture from elsewhere does not keep an old account from being
        given a role. Raises: Invalid, TooLarge.
        """
        found: dict[str, str] = {}
        for column, check in _CHECKS.items():
            value, was = getattr(self, column), getattr(account, column)
            if value is not None and value != was and (checked := check(value)) != was:
                found[column] = checked
        return found


def audit_view(account: Account) -> dict[str, Any]:
    """An account in the audit trail."""
    return {"email": account.email, "name": account.name, "role": account.role}
