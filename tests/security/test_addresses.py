"""E-mail addresses that look alike or are written differently: one address belongs to one account."""

from typing import Any

import pytest

from portico.testing import PASSWORD, Client, InProcessApp

LOOK_ALIKE = {
    "Kelvin sign": "vi\u212a@example.org",
    "long s": "uſer@example.org",
    "zero-width space": "vik\u200b@example.org",
    "soft hyphen": "v\u00adik@example.org",
    "right-to-left override": "\u202evik@example.org",
    "byte-order mark": "\ufeffvik@example.org",
    "fullwidth letter": "ｖik@example.org",
    "word joiner in the domain": "vik@exam\u2060ple.org",
}


@pytest.mark.case("AB-35")
def test_look_alike_email_is_refused_everywhere(
    app: InProcessApp, admin: Client, subtests: pytest.Subtests
) -> None:
    vik = admin.add_user("Vik")
    for email in LOOK_ALIKE.values():
        with subtests.test(email):
            form = {"name": "Mallory", "email": email, "password": PASSWORD}
            assert app.client.post("/api/v1/auths/signin", form).status == 400
            assert app.client.post("/api/v1/auths/signup", form).status == 400
            assert admin.post("/api/v1/auths/add", form | {"role": "user"}).status == 400
            path = f"/api/v1/users/{vik.account['id']}/update"
            fields = {name: vik.account[name] for name in ("role", "name", "profile_image_url")}
            assert admin.post(path, fields | {"email": email}).status == 400
            assert admin.get("/api/v1/users/").json["total"] == 2


@pytest.mark.case("AB-35")
def test_equivalent_email_notation_signs_in(app: InProcessApp, admin: Client) -> None:
    def post(path: str, email: str) -> Any:
        form = {"name": "José", "email": email, "password": PASSWORD, "role": "user"}
        client = admin if path == "add" else app.client
        return client.post(f"/api/v1/auths/{path}", form)

    assert post("add", "José@Müller.example").json["email"] == "josé@müller.example"
    for email in ("jose\u0301@mu\u0308ller.example", "JOSÉ@xn--mller-kva.example"):
        assert post("signin", email).status == 200
        for path in ("signup", "add"):
            answer = post(path, email)
            assert answer.status == 400 and "already registered" in answer.detail
