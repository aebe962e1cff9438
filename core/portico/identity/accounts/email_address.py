"""E-mail addresses: validation, and the key that compares two addresses.

`email_key` is the only comparison. An address with look-alike or invisible characters, such as a Kelvin sign or a
zero-width space, is refused for a new account, and matches only an account with exactly the same characters.
"""

import unicodedata
from typing import Final

import idna

from portico.errors import INVALID_EMAIL_FORMAT, InvalidRequest
from portico.normalization import normalized

#: RFC 5321.
MAX_EMAIL_CHARS: Final = 254

_CONTROLS: Final = frozenset(map(chr, (*range(0x20), 0x7F)))
#: Unicode categories: control, format, surrogate, private use, unassigned and separator characters.
_REFUSED_CATEGORIES: Final = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zs", "Zl", "Zp"))
#: A dot for the domain name system only.
_IDEOGRAPHIC_FULL_STOP: Final = "\u3002"
#: Letters and marks without a visible form.
_INVISIBLE: Final = frozenset(
    map(
        chr,
        (0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0)
        + tuple(range(0x180B, 0x1810))
        + tuple(range(0xFE00, 0xFE10))
        + tuple(range(0xE0100, 0xE01F0)),
    )
)


def check_email(email: str) -> str:
    """Return the address as it is stored: lower case, composed.

    Raises: InvalidRequest if it is malformed or has look-alike characters. Source: `a@b.c` or `a@localhost`; unlike the
    reference, the whole text has to match, and blanks are refused.
    """
    if len(email) > MAX_EMAIL_CHARS or not _has_email_shape(email) or not is_plain(email):
        raise InvalidRequest(INVALID_EMAIL_FORMAT)
    return normalized("NFC", email).lower()


def email_key(email: str) -> str:
    """Return a key that is equal for all spellings of an address: compatibility forms, case, invisible characters, IDN."""
    if email.isascii():
        return email.lower().removesuffix(".")
    local, at, domain = email.rpartition("@")
    return f"{_folded(local)}{at}{domain_key(domain)}"


def domain_key(domain: str) -> str:
    """Return a key that is equal for all spellings of a domain: its ASCII form if it has one."""
    domain = domain.removesuffix(".")
    if domain.isascii():
        return domain.lower()
    try:
        return idna.encode(_visible(domain), uts46=True).decode().removesuffix(".")
    except (idna.IDNAError, UnicodeError):
        return _folded(domain)


def is_plain(email: str) -> bool:
    """Return whether every character is visible and no look-alike of another one."""
    return email.isascii() or all(map(_is_plain, email))


def is_same_address(one: str, other: str) -> bool:
    """Return whether two texts are the same address. An address that is not plain equals only itself."""
    if one == other:
        return True
    return is_plain(one) and is_plain(other) and email_key(one) == email_key(other)


def exact_spellings(email: str) -> tuple[str, str]:
    """Return the address unchanged, and with ASCII letters in lower case: no other letter becomes an ASCII one."""
    return email, "".join(
        character.lower() if character.isascii() else character for character in email
    )


def _has_email_shape(email: str) -> bool:
    local, _, domain = email.partition("@")
    if (
        not local
        or "@" in domain
        or any(character.isspace() or character in _CONTROLS for character in email)
    ):
        return False
    return domain == "localhost" or "." in domain[1:-1]


def _is_plain(character: str) -> bool:
    if character.isascii():
        return True
    return (
        unicodedata.category(character) not in _REFUSED_CATEGORIES
        and character not in _INVISIBLE
        and character != _IDEOGRAPHIC_FULL_STOP
        and unicodedata.normalize("NFKC", character) == character
        and len(character.casefold()) == 1
    )


def _folded(text: str) -> str:
    return normalized("NFKC", normalized("NFKC", _visible(text)).casefold())


def _visible(text: str) -> str:
    return "".join(
        character
        for character in text
        if unicodedata.category(character) not in _REFUSED_CATEGORIES
        and character not in _INVISIBLE
    )
