"""Attacks on policies."""

from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from portico.testing import Client, InProcessApp

FINE = "p, model, list, role:user, allow\n"
HARMFUL_NAMES = (
    "p, alice, *, *",
    "g, bob, role:admin",
    "*",
    "/:id",
    ".*",
    "role:admin",
    "a'b\"c",
    "new\nline",
    "# no",
    "%",
    "{0} {user}",
)


@pytest.fixture
def env(env: dict[str, str]) -> dict[str, str]:
    return env | {
        "PORTICO_PLUGINS_ONLY": "accounts,password,models,policy_admin,audit",
        "BYPASS_ADMIN_ACCESS_CONTROL": "false",
    }


def put(by: Client, text: str, name: str = "own.csv") -> Any:
    return by.request("PUT", f"/api/v1/policies/files/{name}", json={"text": text})


def unchanged(admin: Client) -> bool:
    shown = admin.get("/api/v1/policies").json
    entries = admin.get("/api/v1/audit?event=policy.changed").json["entries"]
    return shown["version"] == 0 and shown["rejected"] == [] and len(entries) == 1


@pytest.mark.parametrize("role", ["user", "pending"])
@pytest.mark.case("AB-83")
def test_only_administrators_read_and_write_policies(admin: Client, role: str) -> None:
    caller = admin.add_user("Mallory", role)
    for method, path, body in (
        ("PUT", "/files/own.csv", {"text": FINE}),
        ("PUT", "/files/own.csv", {"text": 1}),
        ("DELETE", "/files/own.csv", None),
        ("POST", "/rollback", {"version": 0}),
        ("POST", "/preview", {"files": {"own.csv": FINE}}),
        ("GET", "", None),
        ("GET", "/versions", None),
        ("GET", "/versions/1", None),
        ("GET", f"/explain?user={admin.account['id']}&action=read&kind=model", None),
        ("GET", "/who-can?action=read&kind=model", None),
    ):
        answer = caller.request(method, f"/api/v1/policies{path}", json=body)
        assert answer.status == 403, (method, path, answer)
        anonymous = Client(admin.transport)
        assert anonymous.request(method, f"/api/v1/policies{path}", json=body).status == 401
    assert unchanged(admin)


INVALID_RULES = [
    ("*,*,*", "it begins with '*'"),
    ("p, *, *, *, allow", "there is no subject '*'"),
    ("p, *, *, role:admin", "4 fields where 5 are expected"),
    ("p, *, *, role:admin, allow, x", "6 fields where 5 are expected"),
    ("p, *, *, role:root, allow", "there is no subject 'role:root'"),
    ("p, *, *, alice, allow", "there is no subject 'alice'"),
    ("p, wallet, read, role:user, allow", "there is no kind 'wallet'"),
    ("p, model, eat, role:user, allow", "there is no action of 'model' 'eat'"),
    ("p, model, read, role:user, maybe", "there is no effect 'maybe'"),
    ('p, "model", read, role:user, allow', "is not a valid kind: use a lower-case word"),
    (
        "p, model, read, user:a'; DROP TABLE x; --, allow",
        "is not a valid subject: use a lower-case word",
    ),
    ("p, model, read, eval(1), allow", "is not a valid subject: use a lower-case word"),
    ("p, model, read, user:*, allow", "is not a valid subject: use a lower-case word"),
    ("g, role:user, role:admin", "a role rule cannot give it"),
    ("g, user:abc, role:admin", "a role rule cannot give it"),
    ("g, user:abc, owner", "is not a valid role"),
    ("m, x, y", "a rule begins with `p` or `g`"),
    ("[request_definition]", "it begins with '[request_definition]'"),
    ("p\x01, model, read, role:user, allow", "it begins with"),
    ("p, model, read, role:us\u2028er, allow", "is not a valid subject: use a lower-case word"),
]


@pytest.mark.case("AB-83")
def test_invalid_rule_is_refused_with_line(admin: Client, subtests: pytest.Subtests) -> None:
    for text, message in INVALID_RULES:
        with subtests.test(text):
            answer = put(admin, f"# a comment\n\n{text}\n")
            assert answer.status == 400, answer
            assert answer.detail.startswith("database/own.csv:3: ") and message in answer.detail
            tried = admin.post("/api/v1/policies/preview", {"files": {"own.csv": text}})
            assert tried.status == 400 and message in tried.detail
            assert unchanged(admin)


LOCKOUT = "lock out every administrator"
MISSING = "add `p, policy, write, role:admin, allow`"


LOCKING_OUT = [
    ("own.csv", "p, *, *, role:admin, deny\n", LOCKOUT),
    ("own.csv", "p, policy, write, role:admin, deny\n", LOCKOUT),
    ("own.csv", "p, policy, *, user:{id}, deny\n", LOCKOUT),
    ("own.csv", "g, user:{id}, role:out\np, *, *, role:out, deny\n", LOCKOUT),
    ("policies.csv", "", MISSING),
    ("policies.csv", "# nothing\n", MISSING),
    ("policies.csv", "p, policy, read, role:admin, allow\n", MISSING),
    ("base.csv", "p, *, write, role:admin, deny\n", LOCKOUT),
]


@pytest.mark.case("AB-83")
def test_policy_that_locks_out_administrators_is_refused(
    admin: Client, subtests: pytest.Subtests
) -> None:
    for name, text, reason in LOCKING_OUT:
        with subtests.test(text, name=name):
            answer = put(admin, text.format(id=admin.account["id"]), name)
            assert answer.status == 400, answer
            assert reason in answer.detail
            assert unchanged(admin)


@pytest.mark.case("AB-83")
def test_one_of_two_administrators_may_be_denied(admin: Client) -> None:
    admin.add_user("Eve", "admin")
    text = f"p, policy, *, user:{admin.account['id']}, deny\n"
    assert put(admin, text).status == 200
    assert put(admin, "").status == 403


@pytest.mark.case("AB-83")
def test_too_large_policy_file_is_refused(admin: Client) -> None:
    million = "p, model, read, role:user, allow\n" * 1_000_000
    assert put(admin, million).status == 413
    assert put(admin, "#" * (256 * 1024 + 1)).status == 413
    assert put(admin, "é" * (128 * 1024 + 1)).status == 413
    tried = admin.post("/api/v1/policies/preview", {"files": {"own.csv": million}})
    assert tried.status == 413
    many = put(admin, "p,chat,*,owner,deny\n" * 10_001)
    assert many.status == 400
    assert unchanged(admin)


@pytest.mark.case("AB-83")
def test_policy_file_with_many_errors_lists_fifty(admin: Client) -> None:
    roles = "".join(f"g, user:q, role:a{number}\n" for number in range(5000))
    answer = put(admin, roles + "p,chat,*,role:b,deny\n" * 3000)
    assert answer.status == 400
    assert len(answer.detail.splitlines()) == 50 and len(answer.body) < 100_000
    assert unchanged(admin)


@pytest.mark.case("AB-83")
def test_number_and_size_of_policy_files_are_limited(admin: Client) -> None:
    many = {f"{number}.csv": "" for number in range(101)}
    tried = admin.post("/api/v1/policies/preview", {"files": many})
    assert tried.status == 400 and "at most 100" in tried.detail
    heavy = {f"{number}.csv": "#" * 250_000 for number in range(5)}
    tried = admin.post("/api/v1/policies/preview", {"files": heavy})
    assert tried.status == 400 and "at most 1048576" in tried.detail


INVALID_NAMES = [
    "..%2F..%2Fetc%2Fpasswd.csv",
    "..%5Cx.csv",
    "a%00.csv",
    "model.conf",
    "x",
    ".csv",
    "X.csv",
    "é.csv",
    f"{'a' * 65}.csv",
    "a.csv%0A",
    "a%20b.csv",
    "%2e%2e",
]


@pytest.mark.case("AB-83")
def test_invalid_policy_file_name_is_refused(
    admin: Client, env: dict[str, str], subtests: pytest.Subtests
) -> None:
    data = Path(env["DATA_DIR"])
    before = sorted(data.rglob("*.csv"))
    for name in INVALID_NAMES:
        with subtests.test(name):
            assert put(admin, FINE, name).status in (400, 404, 405)
            answer = admin.request("DELETE", f"/api/v1/policies/files/{name}")
            assert answer.status in (400, 404, 405)
            assert sorted(data.rglob("*.csv")) == before
            assert unchanged(admin)


NO_TEXTS = [
    b"\xff\xfe\x00\x01",
    b'{"text": "\xff"}',
    b'{"text": "\\ud800"}',
    b"[" * 100_000,
    b'{"text": {"a": 1}}',
    b"",
]


@pytest.mark.case("AB-83")
def test_policy_body_that_is_not_text_is_refused(admin: Client, subtests: pytest.Subtests) -> None:
    for body in NO_TEXTS:
        with subtests.test(body=body[:16]):
            answer = admin.request("PUT", "/api/v1/policies/files/own.csv", body=body)
            assert answer.status in (400, 422), answer
            assert admin.post("/api/v1/policies/preview", body=body).status in (400, 422)
            assert unchanged(admin)


@pytest.mark.case("AB-83")
def test_policy_change_is_audited_and_can_be_rolled_back(admin: Client, user: Client) -> None:
    def listed() -> bool:
        return bool(user.get("/api/v1/models/list").json["items"])

    form = {"id": "m", "name": "m", "base_model_id": "x", "meta": {}, "params": {}}
    assert admin.post("/api/v1/models/create", form | {"access_control": {}}).status == 200
    assert put(admin, FINE).status == 200
    assert listed()
    assert admin.post("/api/v1/policies/rollback", {"version": 0}).status == 200
    assert not listed()
    back, forth, _ = admin.get("/api/v1/audit?event=policy.changed").json["entries"]
    assert (forth["old"], forth["new"]) == ({"own.csv": None}, {"own.csv": FINE})
    assert (back["old"], back["new"]) == ({"own.csv": FINE}, {"own.csv": None})
    assert {forth["author"], back["author"]} == {admin.account["id"]}


@pytest.mark.case("AB-83")
def test_policy_reader_cannot_write_policies(admin: Client, user: Client) -> None:
    assert put(admin, f"p, policy, read, user:{user.account['id']}, allow\n").status == 200
    assert user.get("/api/v1/policies").status == 200
    assert put(user, FINE).status == 403
    assert user.post("/api/v1/policies/rollback", {"version": 0}).status == 403


@pytest.mark.case("AB-32")
def test_names_that_look_like_policy_have_no_meaning(
    app: InProcessApp, admin: Client, subtests: pytest.Subtests
) -> None:
    alice = admin.add_user("Alice")
    bob = admin.add_user("Bob")
    groups = app.portico.identity.groups

    for number, name in enumerate(HARMFUL_NAMES):
        with subtests.test(name):

            async def create_group(name: str) -> str:
                group = await groups.create(
                    name=name, description=name, by=admin.account["id"], permissions=None
                )
                await groups.add_members(group.id, [alice.account["id"]])
                return str(group.id)

            group_id = app.run(create_group, name)
            form = {"id": name, "name": name, "base_model_id": "x", "meta": {}, "params": {}}
            sharing = {"access_control": {"read": {"group_ids": [group_id]}}}
            made = admin.post("/api/v1/models/create", form | sharing)
            model = name if made.status == 200 else f"plain-{number}"
            if made.status != 200:  # such a model id is refused; the group still has the name
                assert made.status == 400
                assert (
                    admin.post("/api/v1/models/create", form | sharing | {"id": model}).status
                    == 200
                )

            def explain(client: Client, model: str) -> dict[str, Any]:
                query = (
                    f"user={client.account['id']}&action=read&kind=model&id={quote(model, safe='')}"
                )
                return admin.get(f"/api/v1/policies/explain?{query}").json

            yes, no = explain(alice, model), explain(bob, model)
            assert (yes["allowed"], yes["casbin"], yes["id"], yes["exists"]) == (
                True,
                True,
                model,
                True,
            )
            assert yes["because"][0]["reasons"] == [
                f"the group {name} ({group_id}) has read access, and the account is in it"
            ]
            assert (no["allowed"], no["casbin"], no["because"]) == (False, False, [])
            may = admin.get(
                f"/api/v1/policies/who-can?action=read&kind=model&id={quote(model, safe='')}"
            ).json["accounts"]
            assert {one["email"] for one in may} == {"ada@example.org", "alice@example.org"}
