"""The session cookie."""

import pytest

from portico.identity import Cookies


def test_a_session_cookie_is_out_of_reach_of_scripts_and_dies_with_the_session() -> None:
    cookie = Cookies(secure=False, same_site="lax").session("abc", 1797595872)
    assert cookie == (
        "token=abc; Expires=Fri, 18 Dec 2026 12:11:12 GMT; HttpOnly; Path=/; SameSite=Lax"
    )


def test_a_session_without_end_is_kept_until_the_browser_closes() -> None:
    assert "Expires" not in Cookies(secure=False, same_site="lax").session("abc", None)


@pytest.mark.parametrize(
    ("secure", "same_site", "tail"),
    [
        (True, "strict", "SameSite=Strict; Secure"),
        (False, "strict", "SameSite=Strict"),
        (False, "none", "SameSite=None; Secure"),
    ],
)
def test_a_cookie_is_dropped_with_the_attributes_it_was_set_with(
    secure: bool, same_site: str, tail: str
) -> None:
    cookies = Cookies(secure=secure, same_site=same_site)
    assert cookies.session("abc", None).endswith(tail)
    dropped = cookies.delete("token")
    assert dropped.endswith(tail) and "Max-Age=0" in dropped and dropped.startswith("token=")
