"""Export and import of runtime settings: without secrets, all or none."""

import json
from typing import Any

import pytest

from portico.testing import Client

CONFIGS = "/api/v1/configs"
MASK = "********"
URLS = ["http://127.0.0.1:9/one", "http://127.0.0.1:9/two"]


@pytest.fixture
def env(env: dict[str, str]) -> dict[str, str]:
    free = ("ENABLE_SIGNUP", "DEFAULT_USER_ROLE")
    return {name: value for name, value in env.items() if name not in free} | {
        "PORTICO_PLUGINS_ONLY": "accounts,password,groups,openai,ollama,ldap,webhooks,settings_admin",
        "DEFAULT_LOCALE": "de",
    }


def import_document(admin: Client, document: Any, query: str = "") -> Any:
    return admin.post(f"{CONFIGS}/import{query}", {"config": document})


def values(admin: Client) -> dict[str, Any]:
    return {one["variable"]: one["value"] for one in admin.get(f"{CONFIGS}/settings").json}


def connect(admin: Client) -> None:
    form = {
        "ENABLE_OPENAI_API": True,
        "OPENAI_API_BASE_URLS": URLS,
        "OPENAI_API_KEYS": ["sk-one", "sk-two"],
        "OPENAI_API_CONFIGS": {"0": {"enable": False, "headers": {"X-Team": "hidden"}}, "1": {"enable": False}},
    }  # fmt: skip
    assert admin.post("/openai/config/update", form).status == 200


def keys_of(app_values: Any) -> list[str]:
    return [one.reveal() for one in app_values["OPENAI_API_KEYS"]]


@pytest.mark.case("D-SYS-2")
def test_export_has_no_secrets_and_its_import_keeps_them(admin: Client, app: Any) -> None:
    connect(admin)
    webhook = "https://hooks.example.org/sk-one"
    assert admin.post("/api/webhook", {"url": webhook}).status == 200
    admin.post(f"{CONFIGS}/suggestions", {"suggestions": [{"title": ["a"], "content": "b"}]})
    answer = admin.get(f"{CONFIGS}/export")
    text = json.dumps(answer.json)
    assert answer.status == 200 and not any(one in text for one in ("sk-one", "sk-two", "hidden"))
    assert answer.json["openai"]["api_keys"] == [MASK, MASK]
    assert answer.json["openai"]["api_configs"]["0"]["headers"] == {"X-Team": MASK}
    assert answer.json["ui"] == {"prompt_suggestions": [{"title": ["a"], "content": "b"}]}

    again = import_document(admin, answer.json)
    assert (again.status, again.json) == (200, answer.json)
    stored = app.run(app.portico.context.runtime_settings.values)
    assert keys_of(stored) == ["sk-one", "sk-two"]
    assert stored["OPENAI_API_CONFIGS"]["0"].headers["X-Team"].reveal() == "hidden"
    assert admin.get("/api/webhook").json["url"] == webhook
    saved = admin.request("PATCH", f"{CONFIGS}/settings", json={"values": {"WEBHOOK_URL": MASK}})
    assert (saved.status, saved.json[0]["value"]) == (200, MASK)
    assert admin.get("/api/webhook").json["url"] == webhook

    # A mask is never the key of another server.
    moved = json.loads(text)
    moved["openai"]["api_base_urls"][1] = "https://elsewhere.example.org"
    refused = import_document(admin, moved)
    assert refused.status == 400 and "OPENAI_API_KEYS" in refused.detail, refused
    assert keys_of(app.run(app.portico.context.runtime_settings.values)) == ["sk-one", "sk-two"]


@pytest.mark.both_databases
@pytest.mark.case("D-SYS-3")
def test_import_stores_all_or_nothing_and_resets_what_is_absent(admin: Client) -> None:
    ben = admin.add_user("Ben")
    before = values(admin)
    permissions = admin.get("/api/v1/users/default/permissions").json
    permissions["chat"]["delete"] = not permissions["chat"]["delete"]
    assert admin.post("/api/v1/users/default/permissions", permissions).status == 200
    admin.post(f"{CONFIGS}/suggestions", {"suggestions": []})
    changed = admin.get(f"{CONFIGS}/export").json
    assert changed["user"]["permissions"] == permissions

    invalid = [
        ({"ui": {"banners": "none"}}, "WEBUI_BANNERS"),
        ({"ui": {"enable_signup": "perhaps"}}, "ENABLE_SIGNUP"),
        ({"auth": {"jwt_expiry": "1s"}}, "JWT_EXPIRES_IN"),
        ({"ui": {"default_group_id": "nowhere"}}, "DEFAULT_GROUP_ID"),
        ({"ui": {"default_locale": "fr"}}, "DEFAULT_LOCALE"),
        ({"openai": {"api_base_urls": ["file:///etc/passwd"]}}, "OPENAI_API_BASE_URLS"),
        ({"openai": {"api_base_urls": URLS, "api_keys": [MASK]}}, "OPENAI_API_KEYS"),
        ({"ldap": {"server": {"attribute_for_mail": "no attribute"}}}, "attribute_for_mail"),
    ]
    for document, name in invalid:
        answer = import_document(admin, {"webui": {"url": "https://x.example.org"}} | document)
        assert answer.status == 400 and name in answer.detail, (document, answer)
        assert "etc/passwd" not in answer.detail
    assert import_document(admin, {"user": {"permissions": 5}}).status in (400, 422)
    assert import_document(ben, {}).status == 403
    assert admin.get(f"{CONFIGS}/export").json == changed

    document = {
        "version": 0,
        "ui": {"default_models": "m", "banners": None, "default_locale": "de"},
        "audio": {"tts": {"engine": "x"}},
        "rag": 5,
    }
    dry = import_document(admin, document, "?dry_run=true")
    assert dry.json == {"ui": {"default_models": "m"}, "ignored": ["audio", "rag"]}
    assert admin.get(f"{CONFIGS}/export").json == changed
    kept = import_document(admin, document, "?keep_absent=true&dry_run=true").json
    assert kept["ui"] == {"default_models": "m", "prompt_suggestions": []}
    assert kept["user"]["permissions"] == permissions

    assert import_document(admin, document).json == dry.json
    assert admin.get(f"{CONFIGS}/export").json == {"ui": {"default_models": "m"}}
    assert values(admin) == before | {"DEFAULT_MODELS": "m"}
    now = admin.get("/api/v1/users/default/permissions").json
    assert now["chat"]["delete"] is not permissions["chat"]["delete"]


def test_settings_are_changed_by_version_and_undone(admin: Client) -> None:
    ben = admin.add_user("Ben")
    patch = f"{CONFIGS}/settings"
    states = {one["variable"]: one for one in admin.get(patch).json}
    locale = states["DEFAULT_LOCALE"]
    assert (locale["pinned"], locale["value"], locale["version"]) == (True, "de", 0)

    def change(**body: Any) -> Any:
        return admin.request("PATCH", patch, json=body)

    first = change(values={"DEFAULT_MODELS": "a", "DEFAULT_PINNED_MODELS": "b"}, versions={})
    version = first.json[0]["version"]
    assert [one["value"] for one in first.json] == ["a", "b"]
    assert first.json[0]["changed_by"] == admin.account["id"]
    stale = change(values={"DEFAULT_MODELS": "c"}, versions={"DEFAULT_MODELS": 0})
    assert stale.status == 400 and "DEFAULT_MODELS" in stale.detail and "meanwhile" in stale.detail
    for body, name in (
        ({"values": {"DEFAULT_LOCALE": "fr"}}, "DEFAULT_LOCALE"),
        ({"values": {"NO_SUCH": 1}}, "NO_SUCH"),
        ({"values": {}, "versions": {"NO_SUCH": 1}}, "NO_SUCH"),
    ):
        refused = change(**body)
        assert refused.status == 400 and name in refused.detail
    reset = change(values={"DEFAULT_MODELS": None}, versions={"DEFAULT_MODELS": version})
    assert (reset.json[0]["value"], reset.json[0]["is_stored"]) == (None, False)

    history = f"{CONFIGS}/history"
    newest, earlier = admin.get(history).json
    assert (newest["author_name"], newest["settings"][0]["old"]) == ("Ada", "a")
    assert [one["key"] for one in earlier["settings"]] == [
        "ui.default_models",
        "ui.default_pinned_models",
    ]
    assert len(admin.get(f"{history}?setting=DEFAULT_PINNED_MODELS").json) == 1
    assert admin.get(f"{history}?before={newest['number']}").json == [earlier]
    undo = f"{history}/{newest['number']}/undo"
    assert (ben.post(undo).status, ben.get(history).status) == (403, 403)
    assert admin.post(undo).json[0]["number"] > newest["number"]
    assert values(admin)["DEFAULT_MODELS"] == "a"
    again = admin.post(undo)
    assert again.status == 400 and "Undo that one first" in again.detail
    one = admin.post(f"{history}/{earlier['number']}/undo?setting=DEFAULT_PINNED_MODELS")
    assert one.status == 200 and values(admin)["DEFAULT_PINNED_MODELS"] is None
    for number in (0, 999999, 2**63, 10**30):
        assert admin.post(f"{history}/{number}/undo").status == 404
        assert admin.get(f"{history}?before={number}").status == 200
    assert admin.get(f"{history}?before=-{10**30}").json == []
    permissions = admin.get("/api/v1/users/default/permissions").json
    flipped = not permissions["chat"]["delete"]
    permissions["chat"]["delete"] = flipped
    assert admin.post("/api/v1/users/default/permissions", permissions).status == 200
    number = admin.get(history).json[0]["number"]
    assert admin.post(f"{history}/{number}/undo").status == 200
    now = admin.get("/api/v1/users/default/permissions").json
    assert now["chat"]["delete"] is not flipped


def test_undone_change_of_connections_restores_their_keys(admin: Client, app: Any) -> None:
    connect(admin)
    form = admin.get("/openai/config").json
    form["OPENAI_API_BASE_URLS"].pop()
    form["OPENAI_API_KEYS"] = ["sk-new"]
    assert admin.post("/openai/config/update", form).status == 200
    assert keys_of(app.run(app.portico.context.runtime_settings.values)) == ["sk-new"]
    newest = admin.get(f"{CONFIGS}/history").json[0]
    assert "sk-" not in json.dumps(newest)
    assert admin.post(f"{CONFIGS}/history/{newest['number']}/undo").status == 200
    stored = app.run(app.portico.context.runtime_settings.values)
    assert (stored["OPENAI_API_BASE_URLS"], keys_of(stored)) == (URLS, ["sk-one", "sk-two"])
    assert stored["OPENAI_API_CONFIGS"]["0"].headers["X-Team"].reveal() == "hidden"


def test_import_does_not_send_the_password_of_ldap_elsewhere(admin: Client) -> None:
    server = {
        "label": "L", "host": "ldap.example.org", "port": 636, "use_tls": True, "app_dn": "cn=app",
        "app_dn_password": "hidden", "search_base": "dc=example", "attribute_for_mail": "mail",
        "attribute_for_username": "uid", "search_filters": "", "validate_cert": True, "ciphers": "ALL",
    }  # fmt: skip
    answer = admin.post("/api/v1/auths/admin/config/ldap/server", server)
    assert answer.status == 200, answer
    document = admin.get(f"{CONFIGS}/export").json
    assert "hidden" not in json.dumps(document)
    document["ldap"]["server"]["host"] = "evil.example.org"
    refused = import_document(admin, document)
    assert refused.status == 400 and "password" in refused.detail
    document["ldap"]["server"]["host"] = "ldap.example.org"
    document["ldap"]["server"]["label"] = "Other"
    assert import_document(admin, document).status == 200
    shown = admin.get("/api/v1/auths/admin/config/ldap/server").json
    assert (shown["label"], shown["app_dn_password"]) == ("Other", MASK)
