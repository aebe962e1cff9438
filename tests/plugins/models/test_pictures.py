"""The picture of a model: for readers, without any information about other models."""

import base64

import pytest
from tests.plugins.models.conftest import form, readers, writers

from portico.testing import Client, Response

CREATE, PICTURE = "/api/v1/models/create", "/api/v1/models/model/profile/image"
GIF = b"GIF89a-and-so-on"
DATA = f"data:image/gif;base64,{base64.b64encode(GIF).decode()}"


def comparable(answer: Response) -> tuple[object, ...]:
    """The parts of a response that are equal for equal resources."""
    own = ("x-request-id", "x-process-time")
    return answer.status, answer.body, {k: v for k, v in answer.headers.items() if k not in own}


def pictured(model_id: str = "legal-desk", picture: object = DATA, **changes: object) -> object:
    return form(model_id, meta={"profile_image_url": picture}, **changes)


def test_reader_gets_the_picture_with_its_media_type(ann: Client, admin: Client) -> None:
    admin.post(CREATE, pictured(access_control=readers(ann)))

    answer = ann.get(f"{PICTURE}?id=legal-desk&lang=en&v=1")

    assert (answer.status, answer.body) == (200, GIF)
    assert answer.headers["content-type"] == "image/gif"
    assert answer.headers["x-content-type-options"] == "nosniff"
    again = ann.get(f"{PICTURE}?id=legal-desk", headers={"if-none-match": answer.headers["etag"]})
    assert (again.status, again.body) == (304, b"")


@pytest.mark.case("D-MOD-12")
@pytest.mark.case("AB-40")
def test_user_without_access_gets_the_default_picture(
    ann: Client, bob: Client, admin: Client
) -> None:
    admin.post(CREATE, pictured(access_control=writers(ann)))
    admin.post(CREATE, pictured("plain", "/static/favicon.png", access_control=None))

    ids = ("legal-desk", "plain", "absent", "open-1", "closed-1", "", "a%00b", "x" * 300)
    answers = [comparable(bob.get(f"{PICTURE}?id={one}")) for one in ids]

    assert all(answer == answers[0] for answer in answers)
    assert comparable(bob.get(PICTURE)) == answers[0]
    assert comparable(ann.get(f"{PICTURE}?id=legal-desk")) == answers[0]  # may write, not read
    assert answers[0][0] == 200
    assert bob.get(PICTURE).body.startswith(b"\x89PNG\r\n\x1a\n")
    assert bob.get(PICTURE).headers["content-type"] == "image/png"


@pytest.mark.case("AB-27")
@pytest.mark.parametrize(
    "picture",
    [
        "/api/v1/auths/signout",
        "https://example.org/a.png",
        "data:image/png;base64,PHN2Zz48L3N2Zz4=",  # the content is not a PNG
        "data:image/png;base64,AAA",
        None,
    ],
)
def test_picture_route_serves_bitmaps_only_and_never_redirects(
    ann: Client, picture: str | None
) -> None:
    ann.post(CREATE, pictured(picture=picture))

    answer = ann.get(f"{PICTURE}?id=legal-desk")

    assert comparable(answer) == comparable(ann.get(f"{PICTURE}?id=absent"))
    assert "location" not in answer.headers


@pytest.mark.both_databases
def test_picture_is_hidden_when_access_is_removed(ann: Client, admin: Client) -> None:
    admin.post(CREATE, pictured(access_control=readers(ann)))
    tag = ann.get(f"{PICTURE}?id=legal-desk").headers["etag"]

    admin.post("/api/v1/models/model/update", pictured(access_control={}))

    again = ann.get(f"{PICTURE}?id=legal-desk", headers={"if-none-match": tag})
    assert again.status == 200
    assert again.body != GIF


def test_picture_requires_sign_in_and_accepts_the_cookie(client: Client, ann: Client) -> None:
    ann.post(CREATE, pictured())
    path = f"{PICTURE}?id=legal-desk"
    assert client.get(path).status == 401
    assert client.get(path, headers={"cookie": f"token={ann.token}"}).body == GIF
