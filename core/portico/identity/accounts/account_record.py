"""The record of an account in exports and imports, and the validation of an imported one."""

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, TypeAlias, TypeVar

import msgspec

from portico import raw_object
from portico.errors import DomainError
from portico.identity.accounts.account import MAX_NAME_CHARS, Account
from portico.identity.accounts.email_address import check_email
from portico.identity.accounts.picture import DEFAULT_PICTURE, check_picture
from portico.identity.accounts.profile import (
    MAX_BIO_CHARS,
    MAX_GENDER_CHARS,
    check_date,
    check_timezone,
)
from portico.identity.accounts.user_data import MAX_USER_DATA_BYTES

T = TypeVar("T")
MAX_SHORT_TEXT_CHARS: Final = 256
#: Each step of the cost of a hash doubles the time of a sign-in; this takes some seconds.
MAX_BCRYPT_COST: Final = 14
_BCRYPT: Final = re.compile(r"\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}", re.ASCII)

#: Epoch seconds, up to the year 9999.
EpochSeconds: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=253_402_300_799)]
#: An id of an account or a group: never `*`, which means everyone in a grant.
PrincipalId: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,64}\Z")]
_NULL: Final = msgspec.Raw(b"null")


class AccountRecord(msgspec.Struct, kw_only=True):
    """An account. `password`: its bcrypt hash; null = it has none, or the record is of an export for its user.

    `oauth`: external identities: `{"google": {"sub": "1"}}`, or `{"google": {"sub": "1", "subs": ["1", "2"]}}`.
    """

    id: PrincipalId
    email: str
    name: str
    role: str
    created_at: EpochSeconds
    updated_at: EpochSeconds
    last_active_at: EpochSeconds
    profile_image_url: str | None = None
    profile_banner_image_url: str | None = None
    username: str | None = None
    bio: str | None = None
    gender: str | None = None
    date_of_birth: str | None = None
    timezone: str | None = None
    presence_state: str | None = None
    status_emoji: str | None = None
    status_message: str | None = None
    status_expires_at: EpochSeconds | None = None
    settings: msgspec.Raw = _NULL
    info: msgspec.Raw = _NULL
    oauth: msgspec.Raw = _NULL
    password: str | None = None


def account_record(account: Account, password: str | None, links: Mapping[str, list[str]]) -> bytes:
    """Return the record of an account as JSON. `links`: subjects by provider."""
    oauth = {
        provider: {"sub": subjects[0]} | ({"subs": subjects} if len(subjects) > 1 else {})
        for provider, subjects in links.items()
    }
    values = {
        name: getattr(account, name)
        for name in AccountRecord.__struct_fields__
        if name not in ("settings", "info", "oauth", "password")
    }
    user_data = {name: stored_object(getattr(account, name)) for name in ("settings", "info")}
    return msgspec.json.encode(values | user_data | {"oauth": oauth or None, "password": password})


def stored_object(text: str | None) -> msgspec.Raw:
    """Return stored user data as JSON; `null` for none, and for what is no JSON object."""
    try:
        return msgspec.Raw(raw_object.join(raw_object.split(text))) if text else _NULL
    except msgspec.MsgspecError:
        return _NULL


def imported_account(record: AccountRecord, note: Callable[[str], None]) -> Account:
    """Return the account to store. A value that is not valid is left out, which `note` is told in a sentence.

    Raises: InvalidRequest for an address that cannot be used to sign in.
    """

    def checked(what: str, check: Callable[[str], T], value: str | None, default: T) -> T:
        if value is None:
            return default
        try:
            return check(value)
        except DomainError:
            note(f"{what} is not valid and was left out")
            return default

    def text(what: str, value: str | None, longest: int) -> str | None:
        if value is not None and len(value) > longest:
            note(f"{what} has more than {longest} characters and was left out")
            return None
        return value

    email = check_email(record.email)
    if len(record.name) > MAX_NAME_CHARS:
        note(f"the name was cut to {MAX_NAME_CHARS} characters")
    short = MAX_SHORT_TEXT_CHARS
    return Account(
        id=record.id,
        email=email,
        name=record.name[:MAX_NAME_CHARS],
        role=record.role,
        username=text("the user name", record.username, short),
        profile_image_url=checked(
            "the picture", check_picture, record.profile_image_url, DEFAULT_PICTURE
        ),
        profile_banner_image_url=checked(
            "the banner", check_picture, record.profile_banner_image_url, None
        ),
        bio=text("the bio", record.bio, MAX_BIO_CHARS),
        gender=text("the gender", record.gender, MAX_GENDER_CHARS),
        date_of_birth=checked("the date of birth", check_date, record.date_of_birth, None),
        timezone=checked("the time zone", check_timezone, record.timezone or None, None),
        presence_state=text("the status", record.presence_state, short),
        status_emoji=text("the status", record.status_emoji, short),
        status_message=text("the status", record.status_message, MAX_BIO_CHARS),
        status_expires_at=record.status_expires_at,
        info=_imported_object("the info", record.info, note),
        settings=_imported_object("the settings", record.settings, note),
        last_active_at=record.last_active_at,
        updated_at=record.updated_at,
        created_at=record.created_at,
    )


def imported_hash(record: AccountRecord, note: Callable[[str], None]) -> str | None:
    """Return the password hash to store; None if there is none that a sign-in can verify, which `note` is told."""
    if not record.password:
        return None
    found = _BCRYPT.fullmatch(record.password)
    if found is None:
        note("the password hash is none of bcrypt; the user needs a new password")
        return None
    if not 4 <= int(found[1]) <= MAX_BCRYPT_COST:
        note(f"the password hash has a cost above {MAX_BCRYPT_COST}; the user needs a new password")
        return None
    return record.password


def imported_links(record: AccountRecord, note: Callable[[str], None]) -> list[tuple[str, str]]:
    """Return the external identities of a record: provider and subject. Those of another form are left out."""
    found: list[tuple[str, str]] = []
    try:
        providers = msgspec.json.decode(record.oauth, type=dict[str, Any] | None) or {}
    except msgspec.MsgspecError:
        note("the external identities cannot be read and were left out")
        return []
    for provider, value in providers.items():
        one = value if isinstance(value, dict) else {}
        subjects = one.get("subs", [one.get("sub")])
        for subject in subjects if isinstance(subjects, list) else [None]:
            if isinstance(subject, str | int) and not isinstance(subject, bool):
                found.append((provider, str(subject)))
            else:
                note("an external identity cannot be read and was left out")
    return list(dict.fromkeys(found))


def _imported_object(what: str, value: msgspec.Raw, note: Callable[[str], None]) -> str | None:
    """Return user data as it is stored: JSON text of an object that clients can read."""
    text = bytes(value)
    if text == b"null":
        return None
    try:
        msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.MsgspecError, RecursionError):
        note(f"{what} are no JSON object and were left out")
        return None
    if len(text) > MAX_USER_DATA_BYTES:
        note(f"{what} have more than {MAX_USER_DATA_BYTES} bytes and were left out")
        return None
    return text.decode()
