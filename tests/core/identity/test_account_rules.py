"""What may be stored in an account."""

import pytest

from portico.errors import INVALID_EMAIL_FORMAT, InvalidRequest
from portico.identity.accounts.account import check_name, check_role, folded
from portico.identity.accounts.email_address import check_email


@pytest.mark.parametrize(("given", "kept"), [("Ann@Example.ORG", "ann@example.org"), ("a@b.c", "a@b.c"),
                                             ("admin@localhost", "admin@localhost"), ("ÄNNE@x.de", "änne@x.de"), ("a+b@c.d.e", "a+b@c.d.e")])  # fmt: skip
def test_email_is_stored_in_lower_case(given: str, kept: str) -> None:
    assert check_email(given) == kept


@pytest.mark.parametrize("given", ["", "ann", "@", "ann@", "@x.de", "ann@x", "a@b@c.d", "a b@c.d", "a@b.c ", "a@b.c\n", "a\x00@b.c",
                                   "a@.c" * 2, "a" * 255 + "@b.c"])  # fmt: skip
def test_malformed_email_is_refused(given: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        check_email(given)
    assert refused.value.detail == INVALID_EMAIL_FORMAT


@pytest.mark.parametrize("role", ["", "Admin", "root", "admin ", "user,admin"])
def test_unknown_role_is_refused(role: str) -> None:
    with pytest.raises(InvalidRequest, match="Invalid role"):
        check_role(role)


def test_name_loses_nul_characters() -> None:
    assert check_name("A\x00nn") == "Ann"
    with pytest.raises(InvalidRequest):
        check_name("a" * 257)


def test_search_text_is_folded_single_line_and_limited() -> None:
    assert folded(" Ann\n Straße ", "ann@x.de") == "ann strasse\nann@x.de"
    assert len(folded("\u1fb7" * 256, "\u1fb7" * 250 + "@x.de").encode()) <= 2400
