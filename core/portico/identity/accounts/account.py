"""The stored account, and the validation of its columns."""

from typing import Literal, get_args

import msgspec

from portico.errors import InvalidRequest
from portico.identity.accounts.picture import DEFAULT_PICTURE
from portico.normalization import likeness

Role = Literal["pending", "user", "admin"]
#: In ascending order of rights.
ROLES: tuple[str, ...] = get_args(Role)

MAX_NAME_CHARS = 256
#: Limit of the searched text; PostgreSQL indexes at most 2704 bytes.
MAX_FOLDED_BYTES = 2400


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """One row of `portico_account`.

    Units: times in epoch seconds. Shape: `info`, `settings` and `oauth` are JSON text, `date_of_birth` is
    `YYYY-MM-DD`. `epoch` counts the events that ended all sessions at once, such as a new password.
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
    """Return the name without NUL characters, which databases cannot store. Raises: InvalidRequest if it is too long."""
    if len(name) > MAX_NAME_CHARS:
        raise InvalidRequest(f"[ERROR: A name has at most {MAX_NAME_CHARS} characters]")
    return name.replace("\x00", "")


def is_demotion(old: str, new: str) -> bool:
    """Return whether a role change takes rights away. Only a demotion ends sessions."""
    return ROLES.index(new) < ROLES.index(old)


def check_role(role: str) -> Role:
    """Return the role. Raises: InvalidRequest if it is not one of the three."""
    if role not in ROLES:
        raise InvalidRequest("[ERROR: Invalid role]")
    return role  # type: ignore[return-value]


def folded(name: str, email: str) -> str:
    """Return the text that searches match and lists sort by: name, line break, e-mail address.

    Folded here because databases fold only ASCII or their own locale and do not normalize Unicode.
    """
    text = f"{likeness(' '.join(name.split()))}\n{likeness(email)}"
    return text.encode("utf-8", "ignore")[:MAX_FOLDED_BYTES].decode("utf-8", "ignore")
