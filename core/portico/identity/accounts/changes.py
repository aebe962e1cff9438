"""A change of several columns of an account, and how the audit log shows an account."""

from collections.abc import Callable
from typing import Any

import msgspec

from portico.identity.accounts.account import Account, check_name, check_role
from portico.identity.accounts.email_address import check_email
from portico.identity.accounts.picture import check_picture

#: Columns whose values the audit log shows; of other columns it shows the name only.
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
    """New values of an account; None = unchanged."""

    name: str | None = None
    email: str | None = None
    role: str | None = None
    profile_image_url: str | None = None
    password_hash: str | None = None

    def changes(self, account: Account) -> dict[str, str]:
        """Return the validated values of the columns that change.

        Unchanged values are not validated again, so an old account with a picture that is refused today can still be
        given another role. Raises: InvalidRequest, TooLarge.
        """
        changed: dict[str, str] = {}
        for column, check in _CHECKS.items():
            value, old = getattr(self, column), getattr(account, column)
            if value is not None and value != old and (checked := check(value)) != old:
                changed[column] = checked
        return changed


def audit_view(account: Account) -> dict[str, Any]:
    """Return the values of an account that the audit log shows."""
    return {"email": account.email, "name": account.name, "role": account.role}
