"""Profiles: name, picture, bio, gender, date of birth and time zone of an account."""

import re
from datetime import date
from functools import cache
from zoneinfo import available_timezones

import msgspec

from portico.audit import record_change
from portico.db import after_commit, execute, fetch_all, now, transaction
from portico.errors import InvalidRequest, NotFound
from portico.events import EventBus
from portico.identity.accounts.account import check_name, folded
from portico.identity.accounts.events import AccountChanged
from portico.identity.accounts.picture import check_picture

MAX_BIO_CHARS = 4096
MAX_GENDER_CHARS = 64

# An update that changes nothing locks the row, so concurrent changes of the account wait.
_LOCK = (
    "UPDATE portico_account SET updated_at = updated_at WHERE id = $1 "
    "RETURNING name, email, profile_image_url, bio, gender, date_of_birth"
)
_UPDATE = (
    "UPDATE portico_account SET name = $2, profile_image_url = $3, bio = $4, gender = $5, date_of_birth = $6, "
    "folded = $7, updated_at = $8 WHERE id = $1"
)
_SET_TIMEZONE = "UPDATE portico_account SET timezone = $2, updated_at = $3 WHERE id = $1"
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_ZONE = re.compile(r"[A-Za-z0-9_+-]+(?:/[A-Za-z0-9_+-]+){0,2}", re.ASCII)
_MAX_ZONE_CHARS = 64


class ProfileDetails(msgspec.Struct, frozen=True, kw_only=True):
    """A complete profile; None = empty. Shape: `date_of_birth` is `YYYY-MM-DD`."""

    name: str
    profile_image_url: str
    bio: str | None = None
    gender: str | None = None
    date_of_birth: str | None = None


class Profiles:
    """Stores profiles. Raises NotFound if there is no such account."""

    def __init__(self, bus: EventBus) -> None:
        self._bus = bus

    async def update(self, account_id: str, details: ProfileDetails) -> None:
        """Replace the profile. Unchanged values are not validated again.

        Raises: InvalidRequest, naming the invalid field; TooLarge for a picture.
        """
        async with transaction():
            rows = await fetch_all(_LOCK, account_id)
            if not rows:
                raise NotFound
            was, name, bio, gender = rows[0], details.name, details.bio, details.gender
            if name != was["name"]:
                name = check_name(name)
            if bio != was["bio"]:
                bio = _text("bio", bio, MAX_BIO_CHARS)
            if gender != was["gender"]:
                gender = _text("gender", gender, MAX_GENDER_CHARS)
            birthday = details.date_of_birth
            if birthday != was["date_of_birth"]:
                birthday = check_date(birthday)
            picture = details.profile_image_url
            if picture != was["profile_image_url"]:
                check_picture(picture)
            search_text = folded(name, was["email"])
            await execute(
                _UPDATE, account_id, name, picture, bio, gender, birthday, search_text, now()
            )
            if name != was["name"]:
                changed = {"name": name, "fields": ["name"]}
                await record_change(
                    "account.changed", "account", account_id, {"name": was["name"]}, changed
                )
            self._publish(account_id)

    async def set_timezone(self, account_id: str, timezone: str) -> None:
        """Store the time zone of an account, such as `Area/City`. Raises: InvalidRequest if it does not exist."""
        check_timezone(timezone)
        async with transaction():
            if not await execute(_SET_TIMEZONE, account_id, timezone, now()):
                raise NotFound
            self._publish(account_id)

    def _publish(self, account_id: str) -> None:
        after_commit(lambda: self._bus.publish(AccountChanged(account_id)))


def _text(name: str, text: str | None, longest: int) -> str | None:
    """Return the text without NUL characters, which databases cannot store."""
    if text is not None and len(text) > longest:
        raise InvalidRequest(f"[ERROR: {name}: at most {longest} characters]")
    return None if text is None else text.replace("\x00", "")


def check_date(text: str | None) -> str | None:
    """Return a date as it is stored; None for an empty text. Raises: InvalidRequest."""
    if not text:
        return None
    try:
        if not _DATE.fullmatch(text):
            raise ValueError
        date.fromisoformat(text)
    except ValueError:
        raise InvalidRequest("[ERROR: date_of_birth: expected a date as YYYY-MM-DD]") from None
    return text


def check_timezone(timezone: str) -> str:
    """Return the name of a time zone. Raises: InvalidRequest if it does not exist."""
    if not _is_zone(timezone):
        raise InvalidRequest(
            "[ERROR: timezone: unknown time zone; expected a name such as Europe/Berlin]"
        )
    return timezone


def _is_zone(name: str) -> bool:
    if len(name) > _MAX_ZONE_CHARS or not _ZONE.fullmatch(name):
        return False
    known = _zones()
    return name in known or not known


@cache
def _zones() -> frozenset[str]:
    """Return all time zones; empty on a machine without tzdata, where every well-formed name is accepted."""
    return frozenset(available_timezones())
