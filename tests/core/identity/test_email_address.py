"""E-mail addresses: comparison and validation."""

import pytest

from portico.errors import InvalidRequest
from portico.identity import email_key, is_same_address
from portico.identity.accounts.email_address import check_email


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Vik@Example.org", "vik@example.ORG"),
        ("josé@example.org", "jose\u0301@example.org"),
        ("JOSÉ@example.org", "josé@example.org"),
        ("ada@müller.de", "ada@xn--mller-kva.de"),
        ("ada@MÜLLER.de", "ada@mu\u0308ller.de"),
        ("ada@example.org.", "ada@example.org"),
        ("νικοσ@example.org", "ΝΙΚΟΣ@example.org"),
    ],
)
def test_spellings_of_one_address_have_one_key(one: str, other: str) -> None:
    assert email_key(one) == email_key(other)
    assert is_same_address(one, other) and check_email(one) and check_email(other)


@pytest.mark.parametrize(
    "email",
    [
        "vi\u212a@example.org",  # Kelvin sign
        "ſam@example.org",
        "ada\u200b@example.org",
        "a\u00adda@example.org",
        "\u202eada@example.org",
        "ada\u200f@example.org",
        "ada@exam\u2060ple.org",
        "ada\ufe0f@example.org",
        "ada\u034f@example.org",
        "ada\u3164@example.org",
        "ａｄａ@example.org",
        "ada@ｅxample.org",
        "ada@a.example。org",
        "straße@example.org",  # to fold it would make it another mailbox
        "İda@example.org",
        "ﬁn@example.org",
        "ada\udc80@example.org",
        "ada b@example.org",
    ],
)
def test_look_alike_address_is_refused(email: str) -> None:
    with pytest.raises(InvalidRequest, match="email format"):
        check_email(email)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("vi\u212a@example.org", "vik@example.org"),
        ("ada\u200b@example.org", "ada@example.org"),
        ("straße@example.org", "strasse@example.org"),
        ("ada@straße.de", "ada@strasse.de"),
        ("ada@example.org", "adа@example.org"),
    ],
)
def test_look_alike_addresses_are_different(one: str, other: str) -> None:
    assert not is_same_address(one, other)
