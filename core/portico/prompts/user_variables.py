"""Values of the placeholders about the user. The account is read only if a prompt needs it."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Final

import msgspec

from portico.db import now
from portico.identity import Account, Actor, Identity
from portico.prompts.placeholders import placeholders

#: Text for unknown values. Source: the reference does the same.
UNSET: Final = "None"

_ACCOUNT_PLACEHOLDERS: Final = frozenset(
    {"USER_BIO", "USER_GENDER", "USER_BIRTH_DATE", "USER_AGE", "USER_LOCATION"}
)


class _Info(msgspec.Struct):
    location: str | None = None


async def user_variables(
    identity: Identity, actor: Actor, prompts: Iterable[str]
) -> Mapping[str, str]:
    """Return the values of all placeholders about the user that these prompts may contain. At most one statement."""
    user = {"USER_NAME": actor.name, "USER_EMAIL": actor.email}
    if any(one.name in _ACCOUNT_PLACEHOLDERS for prompt in prompts for one in placeholders(prompt)):
        account = await identity.accounts.find(actor.id)
        if account is not None:
            user |= account_variables(
                account, datetime.fromtimestamp(now(), tz=UTC).astimezone().date()
            )
    return user


def account_variables(account: Account, today: date) -> Mapping[str, str]:
    """Return the values that are read from the account."""
    birth_date = account.date_of_birth
    return {
        "USER_BIO": account.bio or UNSET,
        "USER_GENDER": account.gender or UNSET,
        "USER_BIRTH_DATE": birth_date or UNSET,
        "USER_AGE": _age(birth_date, today),
        "USER_LOCATION": _location(account.info),
    }


def _age(birth_date: str | None, today: date) -> str:
    """Return the age in whole years."""
    try:
        birthday = date.fromisoformat(birth_date or "")
    except ValueError:
        return UNSET
    return str(
        today.year - birthday.year - ((today.month, today.day) < (birthday.month, birthday.day))
    )


def _location(info: str | None) -> str:
    try:
        found = msgspec.json.decode(info or "null", type=_Info | None)
    except msgspec.DecodeError:  # a client stores something else under that name
        return UNSET
    return (found and found.location) or UNSET
