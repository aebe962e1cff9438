"""Which pictures may be stored. AB-27."""

import base64

import pytest

from portico.errors import InvalidRequest, TooLarge
from portico.identity import decode_data_url
from portico.identity.accounts.picture import MAX_DATA_URL_CHARS, check_picture

BITMAPS = {
    "image/png": b"\x89PNG\r\n\x1a\nrest",
    "image/jpeg": b"\xff\xd8\xff\xe0rest",
    "image/gif": b"GIF89arest",
    "image/webp": b"RIFF\x00\x00\x00\x00WEBPrest",
}


def data(media_type: str, content: bytes) -> str:
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"


PNG = data("image/png", BITMAPS["image/png"])


@pytest.mark.parametrize(
    "address",
    ["", "/user.png", "/static/a.png?x=1", "https://example.org/a.png", "HTTPS://example.org", "https://a.example.org:8443/x?y#z",
     *(data(kind, content) for kind, content in BITMAPS.items()), data("image/gif", b"GIF87a")],
)  # fmt: skip
def test_safe_picture_is_accepted_unchanged(address: str) -> None:
    assert check_picture(address) == address


@pytest.mark.parametrize("kind", BITMAPS)
def test_data_url_is_decoded_with_its_type(kind: str) -> None:
    assert decode_data_url(data(kind, BITMAPS[kind])) == (kind, BITMAPS[kind])


@pytest.mark.case("AB-27")
@pytest.mark.parametrize("declared", BITMAPS)
@pytest.mark.parametrize(
    "content", [*BITMAPS.values(), b"<svg xmlns='http://www.w3.org/2000/svg' onload='x'/>", b"<html>", b"", b"\x89PNG"]
)  # fmt: skip
def test_image_of_another_type_than_declared_is_refused(declared: str, content: bytes) -> None:
    address = data(declared, content)
    if content == BITMAPS[declared]:
        assert check_picture(address) == address
    else:
        with pytest.raises(InvalidRequest):
            check_picture(address)
        assert decode_data_url(address) is None


@pytest.mark.case("AB-27")
@pytest.mark.parametrize(
    "address",
    ["data:image/svg+xml;base64,PHN2Zz4=", "data:text/html;base64,PGI+", "data:image/png,abc", "data:image/png;base64,",
     "data:image/png;base64,<svg>", PNG.replace("base64,", "base64,=="), PNG + "=", PNG + "\n", "data:", "javascript:alert(1)",
     "file:///etc/passwd", "//evil.example", "/\\evil.example", "https://", "https:///x", "ftp://x/y", "user.png", " /user.png",
     "/a b", "/a\n", "/a\x00", "https://x.org/\r\nSet-Cookie:a", "DATA:image/png;base64,AAAA", "blob:https://x",
     "https://x.org/" + "a" * 3000, "http://example.org/a.png"],
    ids=lambda address: address[:40],
)  # fmt: skip
def test_unsafe_picture_is_refused(address: str) -> None:
    with pytest.raises(InvalidRequest):
        check_picture(address)


@pytest.mark.case("AB-27")
@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "169.254.169.254", "127.1", "0x7f.1", "2130706433", "0x7f000001", "[::1]", "[::ffff:127.0.0.1]", "localhost",
     "LOCALHOST", "localhost.", "app.localhost", "intranet", "intranet.", "\uff11\uff12\uff17.0.0.1", "example.org@127.0.0.1",
     "me:secret@example.org", "exam\u2024ple.org", "-a.org", "a..org", ".org", "example.org:x"],
)  # fmt: skip
def test_remote_picture_needs_a_host_with_a_public_name(host: str) -> None:
    with pytest.raises(InvalidRequest):
        check_picture(f"https://{host}/latest/meta-data/")


@pytest.mark.case("AB-27")
def test_image_over_the_limit_is_refused() -> None:
    max_chars = (MAX_DATA_URL_CHARS - len("data:image/png;base64,")) // 4 * 4
    fits = "data:image/png;base64," + "iVBORw0KGgo".ljust(max_chars, "A")
    assert check_picture(fits) == fits
    with pytest.raises(TooLarge):
        check_picture(fits + "AAAA")
