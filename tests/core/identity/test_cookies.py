"""The session cookie."""

import pytest

from portico.identity import Cookies


def test_session_cookie_is_http_only_and_expires_with_the_session() -> None:
    cookie = Cookies(secure=False, same_site="lax").session("abc", 1797595872)
    assert cookie == (
        "token=abc; Expires=Fri, 18 Dec 2026 12:11:12 GMT; HttpOnly; Path=/; SameSite=Lax"
    )


def test_cookie_of_an_unlimited_session_has_no_expiry() -> None:
    assert "Expires" not in Cookies(secure=False, same_site="lax").session("abc", None)


@pytest.mark.parametrize(
    ("secure", "same_site", "tail"),
    [
        (True, "strict", "SameSite=Strict; Secure"),
        (False, "strict", "SameSite=Strict"),
        (False, "none", "SameSite=None; Secure"),
    ],
)
def test_deleted_cookie_has_the_attributes_it_was_set_with(
    secure: bool, same_site: str, tail: str
) -> None:
    cookies = Cookies(secure=secure, same_site=same_site)
    assert cookies.session("abc", None).endswith(tail)
    dropped = cookies.delete("token")
    assert dropped.endswith(tail) and "Max-Age=0" in dropped and dropped.startswith("token=")
