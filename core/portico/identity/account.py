"""An account as it is stored, and the rules for what may be stored in one."""

import re
from typing import Literal, get_args

import msgspec

from portico.errors import INVALID_EMAIL_FORMAT, Invalid

Role = Literal["pending", "user", "admin"]
ROLES: tuple[str, ...] = get_args(Role)

DEFAULT_PICTURE = "/user.png"
#: Characters of a picture given as a `data:` address.
LARGEST_PICTURE = 256 * 1024
#: Characters; RFC 5321 allows an address 254.
LONGEST_EMAIL = 254
LONGEST_NAME = 256
LONGEST_ADDRESS = 2048

_EMAIL = re.compile(
    r"[^@\s\x00-\x1f\x7f]+@(?:[^@\s\x00-\x1f\x7f]+\.[^@\s\x00-\x1f\x7f]+|localhost)"
)
# One slash, not two: `//host` would be an address on another site.
_LOCAL = re.compile(r"/(?![/\\])[^\s\\\x00-\x1f\x7f]*")
_REMOTE = re.compile(r"https?://[^\s/\\\x00-\x1f\x7f][^\s\\\x00-\x1f\x7f]*", re.IGNORECASE)
_DATA = re.compile(r"data:image/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/]+={0,2}")


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


def check_email(email: str) -> str:
    """The address as it is stored: lower case.

    Raises: Invalid if it does not look like one. Source: `a@b.c` or `a@localhost`; unlike the reference, the
    whole of it has to match, and blanks are refused.
    """
    if len(email) > LONGEST_EMAIL or not _EMAIL.fullmatch(email):
        raise Invalid(INVALID_EMAIL_FORMAT)
    return email.lower()


def check_name(name: str) -> str:
    """The name without the NUL characters that no database keeps. Raises: Invalid if it is too long."""
    if len(name) > LONGEST_NAME:
        raise Invalid(f"[ERROR: A name has at most {LONGEST_NAME} characters]")
    return name.replace("\x00", "")


def check_role(role: str) -> Role:
    """One of the three roles. Raises: Invalid."""
    if role not in ROLES:
        raise Invalid("[ERROR: Invalid role]")
    return role  # type: ignore[return-value]


def check_picture(address: str) -> str:
    """The address of a picture that is safe to hand to a browser.

    That is: none, a path on this site, an http(s) address, or a small bitmap as `data:`; never SVG, which is a
    document that can run scripts. Raises: Invalid for everything else.
    """
    if not address:
        return address
    if address.startswith("data:"):
        fits = len(address) <= LARGEST_PICTURE and _DATA.fullmatch(address)
    else:
        fits = len(address) <= LONGEST_ADDRESS and (
            _LOCAL.fullmatch(address) or _REMOTE.fullmatch(address)
        )
    if not fits:
        raise Invalid("[ERROR: Invalid profile image]")
    return address
