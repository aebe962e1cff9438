"""An account as it is stored, and the rules for what may be stored in one."""

from typing import Literal, get_args

import msgspec

from portico.errors import InvalidRequest
from portico.identity.accounts.picture import DEFAULT_PICTURE
from portico.normalization import likeness

Role = Literal["pending", "user", "admin"]
#: Each may do more than the one before.
ROLES: tuple[str, ...] = get_args(Role)

#: Characters.
MAX_NAME_CHARS = 256
#: Bytes of what a search looks into; PostgreSQL indexes no more than 2704.
MAX_FOLDED_BYTES = 2400


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """One row of `portico_account`.

    Units: times in epoch seconds. Shape: `info`, `settings` and `oauth` are JSON text, `date_of_birth` is
    `YYYY-MM-DD`. `epoch` counts what ended all sign-ins at once, such as a new password.
    """

    id: str
    email: str
    username: str | None = None
    role: str
    name: str
    profile_image_url: str = DEFAULT_PICTURE
    profile_banner_image_url: str | None = None
    bio: str | None = None
    gender: str | None = None
    date_of_birth: str | None = None
    timezone: str | None = None
    presence_state: str | None = None
    status_emoji: str | None = None
    status_message: str | None = None
    status_expires_at: int | None = None
    info: str | None = None
    settings: str | None = None
    oauth: str | None = None
    epoch: int = 0
    last_active_at: int
    updated_at: int
    created_at: int


#: The columns of an `Account`, for a SELECT.
COLUMNS = ", ".join(Account.__struct_fields__)


def check_name(name: str) -> str:
    """The name without the NUL characters that no database keeps. Raises: Invalid if it is too long."""
    if len(name) > MAX_NAME_CHARS:
        raise InvalidRequest(f"[ERROR: A name has at most {MAX_NAME_CHARS} characters]")
    return name.replace("\x00", "")


def is_demotion(old: str, new: str) -> bool:
    """Whether an account loses a role: whoever is promoted stays signed in, and sees at once what is new."""
    return ROLES.index(new) < ROLES.index(old)


def check_role(role: str) -> Role:
    """One of the three roles. Raises: Invalid."""
    if role not in ROLES:
        raise InvalidRequest("[ERROR: Invalid role]")
    return role  # type: ignore[return-value]


def folded(name: str, email: str) -> str:
    """What a search for people looks into, and what they are sorted by: name, line break, e-mail address.

    Folded here, because databases know only the case of ASCII, or that of their own locale, and no form of Unicode.
    """
    text = f"{likeness(' '.join(name.split()))}\n{likeness(email)}"
    return text.encode("utf-8", "ignore")[:MAX_FOLDED_BYTES].decode("utf-8", "ignore")
