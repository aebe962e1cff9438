"""AB-01: where a credential is looked for, and what counts as one."""

from typing import Any

import pytest

from portico.errors import INVALID_TOKEN, NOT_AUTHENTICATED, Unauthenticated
from portico.identity import Identity, credential_from, token_from

pytestmark = pytest.mark.anyio


def scope(*headers: tuple[bytes, bytes]) -> dict[str, Any]:
    return {"type": "http", "headers": [(b"host", b"x"), *headers]}


def sent(authorization: bytes) -> dict[str, Any]:
    return scope((b"authorization", authorization))


@pytest.mark.parametrize("value", [b"Bearer abc", b"bearer abc", b"BEARER abc", b"bEaReR abc"])
def test_bearer_scheme_is_case_insensitive(value: bytes) -> None:
    credential = credential_from(sent(value))
    assert credential is not None and credential == ("abc", False)


@pytest.mark.case("AB-01")
@pytest.mark.parametrize(
    "value",
    [b"", b" ", b"Bearer", b"Bearer ", b"Bearer  x", b"Bearer a b", b" Bearer a", b"Bearer a ", b"Basic Zm9v",
     b"Bearer\tx", b"Bearer \xc3\xa9", b"\xff\xfe x", b"A" * 65536, b"Token abc"],
)  # fmt: skip
def test_malformed_header_is_ignored(value: bytes) -> None:
    assert token_from(sent(value)) is None
    assert token_from(scope((b"authorization", value), (b"cookie", b"token=abc"))) == "abc"


@pytest.mark.case("AB-01")
def test_repeated_header_is_ignored() -> None:
    twice = ((b"authorization", b"Bearer a"), (b"authorization", b"Bearer a"))
    assert token_from(scope(*twice)) is None


@pytest.mark.parametrize(
    ("header", "token"),
    [
        (b"token=abc", "abc"),
        (b"a=b; token=abc; c=d", "abc"),
        (b"a=b;token=abc", "abc"),
        (b'token="abc"', "abc"),
        (b"token=a=b", "a=b"),
        (b"token=first; token=second", "first"),
        (b"xtoken=abc", None),
        (b"token=", None),
        (b'token=""', None),
        (b"token", None),
        (b"Token=abc", None),
        (b"token=\xff", None),
        (b"", None),
        (b";;;", None),
    ],
)
def test_cookie_is_used_without_a_header(header: bytes, token: str | None) -> None:
    credential = credential_from(scope((b"cookie", header)))
    assert (credential and credential.token) == token
    assert credential is None or credential.by_cookie


def test_header_takes_precedence_over_the_cookie() -> None:
    both = scope((b"cookie", b"token=fromcookie"), (b"authorization", b"Bearer fromheader"))
    assert credential_from(both) == ("fromheader", False)


def test_all_cookie_headers_are_read() -> None:
    assert token_from(scope((b"cookie", b"a=b"), (b"cookie", b"token=abc"))) == "abc"


async def test_request_without_credential_is_unauthenticated(identity: Identity) -> None:
    with pytest.raises(Unauthenticated) as refused:
        await identity.auth.identify(scope())
    assert refused.value.detail == NOT_AUTHENTICATED


@pytest.mark.case("AB-01")
@pytest.mark.parametrize(
    "token", [b"abc", b"sk-0123456789abcdef0123456789abcdef", b"a.b.c", b"A" * 65536]
)
async def test_invalid_credential_has_its_own_error(identity: Identity, token: bytes) -> None:
    with pytest.raises(Unauthenticated) as refused:
        await identity.auth.identify(sent(b"Bearer " + token))
    assert refused.value.detail == INVALID_TOKEN


async def test_valid_credential_identifies_the_account(
    identity: Identity, new_account: Any
) -> None:
    ann = await new_account("Ann")
    session = await identity.sessions.open(ann)
    actor = await identity.auth.identify(sent(b"Bearer " + session.token.encode()))
    assert (actor.id, actor.email, actor.is_admin) == (ann.id, "ann@example.org", True)
