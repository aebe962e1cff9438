"""What people say about themselves: name, picture, a few words, and where they are."""

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
from portico.identity.accounts.picture import check_picture
from portico.identity.events import AccountChanged

#: Characters.
MAX_BIO_CHARS = 4096
MAX_GENDER_CHARS = 64

# An update that changes nothing takes the row: whoever else changes the account waits.
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
    """All of it at once; None = nothing is said. Shape: `date_of_birth` is `YYYY-MM-DD`."""

    name: str
    profile_image_url: str
    bio: str | None = None
    gender: str | None = None
    date_of_birth: str | None = None


class Profiles:
    """What everybody says about themselves. Raises NotFound for an account that is gone."""

    def __init__(self, bus: EventBus) -> None:
        self._bus = bus

    async def update(self, account_id: str, details: ProfileDetails) -> None:
        """Put this in the place of what was said before.

        Raises: Invalid, naming what will not do; TooLarge for a picture. What stays as it is is not checked again.
        """
        async with transaction():
            found = await fetch_all(_LOCK, account_id)
            if not found:
                raise NotFound
            was, name, bio, gender = found[0], details.name, details.bio, details.gender
            if name != was["name"]:
                name = check_name(name)
            if bio != was["bio"]:
                bio = _text("bio", bio, MAX_BIO_CHARS)
            if gender != was["gender"]:
                gender = _text("gender", gender, MAX_GENDER_CHARS)
            born = details.date_of_birth
            if born != was["date_of_birth"]:
                born = _parse_date(born)
            picture = details.profile_image_url
            if picture != was["profile_image_url"]:
                check_picture(picture)
            words = folded(name, was["email"])
            await execute(_UPDATE, account_id, name, picture, bio, gender, born, words, now())
            if name != was["name"]:
                changed = {"name": name, "fields": ["name"]}
                await record_change(
                    "account.changed", "account", account_id, {"name": was["name"]}, changed
                )
            self._publish(account_id)

    async def set_timezone(self, account_id: str, timezone: str) -> None:
        """Say in which time zone somebody is: `Area/City`. Raises: Invalid for one that there is not."""
        if not _is_zone(timezone):
            raise InvalidRequest("[ERROR: timezone: there is no such time zone]")
        async with transaction():
            if not await execute(_SET_TIMEZONE, account_id, timezone, now()):
                raise NotFound
            self._publish(account_id)

    def _publish(self, account_id: str) -> None:
        after_commit(lambda: self._bus.publish(AccountChanged(account_id)))


def _text(name: str, text: str | None, longest: int) -> str | None:
    """A text without the NUL characters that no database keeps."""
    if text is not None and len(text) > longest:
        raise InvalidRequest(f"[ERROR: {name}: at most {longest} characters]")
    return None if text is None else text.replace("\x00", "")


def _parse_date(text: str | None) -> str | None:
    if not text:
        return None
    try:
        if not _DATE.fullmatch(text):
            raise ValueError
        date.fromisoformat(text)
    except ValueError:
        raise InvalidRequest("[ERROR: date_of_birth: a day is written YYYY-MM-DD]") from None
    return text


def _is_zone(name: str) -> bool:
    if len(name) > _MAX_ZONE_CHARS or not _ZONE.fullmatch(name):
        return False
    known = _zones()
    return name in known or not known


@cache
def _zones() -> frozenset[str]:
    """All there are; empty on a machine without the database of them, where whatever looks like one is taken."""
    return frozenset(available_timezones())
