"""What may be stored in an account. AB-27: pictures."""

import pytest

from portico.errors import INVALID_EMAIL_FORMAT, Invalid
from portico.identity.account import (
    LARGEST_PICTURE,
    check_email,
    check_name,
    check_picture,
    check_role,
)

PNG = "data:image/png;base64,iVBORw0KGgo="


@pytest.mark.parametrize("picture", ["", "/user.png", "/static/a.png?x=1", "https://example.org/a.png", "HTTP://x.org", PNG,
                                     PNG.replace("png", "jpeg"), PNG.replace("png", "gif"), PNG.replace("png", "webp")])  # fmt: skip
def test_a_harmless_picture_is_kept_as_it_is(picture: str) -> None:
    assert check_picture(picture) == picture


@pytest.mark.parametrize(
    "picture",
    ["data:image/svg+xml;base64,PHN2Zz4=", "data:text/html;base64,PGI+", "data:image/png,abc", "data:image/png;base64,",
     "data:image/png;base64,<svg>", "javascript:alert(1)", "file:///etc/passwd", "//evil.example", "/\\evil.example",
     "http://", "https:///x", "ftp://x/y", "user.png", " /user.png", "/a b", "/a\n", "/a\x00", "https://x/\r\nSet-Cookie:a",
     "DATA:image/png;base64,AAAA", "blob:https://x", "https://x/" + "a" * 3000,
     "data:image/png;base64," + "A" * LARGEST_PICTURE],
    ids=lambda picture: picture[:40],
)  # fmt: skip
def test_ab27_any_other_picture_is_refused(picture: str) -> None:
    with pytest.raises(Invalid):
        check_picture(picture)


@pytest.mark.parametrize(("given", "kept"), [("Ann@Example.ORG", "ann@example.org"), ("a@b.c", "a@b.c"),
                                             ("admin@localhost", "admin@localhost"), ("ÄNNE@x.de", "änne@x.de"), ("a+b@c.d.e", "a+b@c.d.e")])  # fmt: skip
def test_an_address_is_kept_in_lower_case(given: str, kept: str) -> None:
    assert check_email(given) == kept


@pytest.mark.parametrize("given", ["", "ann", "@", "ann@", "@x.de", "ann@x", "a@b@c.d", "a b@c.d", "a@b.c ", "a@b.c\n", "a\x00@b.c",
                                   "a@.c" * 2, "a" * 255 + "@b.c"])  # fmt: skip
def test_what_is_no_address_is_refused(given: str) -> None:
    with pytest.raises(Invalid) as refused:
        check_email(given)
    assert refused.value.detail == INVALID_EMAIL_FORMAT


@pytest.mark.parametrize("role", ["", "Admin", "root", "admin ", "user,admin"])
def test_there_are_three_roles_and_no_others(role: str) -> None:
    with pytest.raises(Invalid, match="Invalid role"):
        check_role(role)


def test_a_name_loses_what_no_database_keeps() -> None:
    assert check_name("A\x00nn") == "Ann"
    with pytest.raises(Invalid):
        check_name("a" * 257)
