"""What administrators' webhooks are told, against a receiver that verifies signatures."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.one_database import on_sqlite
from tests.webhook_receiver import WebhookReceiver

from portico.api import NotFound
from portico.boot import Application
from portico.db import execute, fetch_all
from portico.events import AdministratorAlert
from portico.testing import Client, InProcessApp
from portico_webhooks.signing_secrets import SigningSecrets, Webhook

WEBHOOK = "/api/webhook"


def set_webhook(admin: Client, url: str) -> str:
    """Set the address, and return the secret of its signatures."""
    assert admin.post(WEBHOOK, {"url": url}).status == 200
    return str(admin.post(f"{WEBHOOK}/secret").json["secret"])


def finish(app: InProcessApp) -> None:
    """Run all deliveries that are due, and those that follow a failure."""
    app.run(app.portico.events.drain)
    app.run(app.portico.tasks.run_due)


def deliveries(admin: Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = admin.get(f"{WEBHOOK}/deliveries").json["deliveries"]
    return found


def test_sign_up_is_delivered_once_signed_and_with_a_minimal_user(
    app: InProcessApp, admin: Client, receiver: WebhookReceiver
) -> None:
    secret = set_webhook(admin, receiver.url)
    ben = app.client.sign_up("Ben")
    added = admin.add_user("Cem")
    finish(app)

    (message,) = receiver.messages
    assert message.is_signed_with(secret)
    assert message.headers["content-type"] == "application/json"
    user = {name: ben.account[name] for name in ("id", "name", "email")}
    expected = {"action": "signup", "message": "New user signed up: Ben", "user": user}
    assert message.json == expected
    (delivery,) = deliveries(admin)
    assert message.id == f"msg_{delivery['id']}"
    assert (delivery["event"], delivery["status"], delivery["response_status"]) == (
        "signup", "completed", 204,
    )  # fmt: skip
    # Neither the row of the task nor what an administrator sees of it holds the address, or who it was.
    (row,) = app.run(fetch_all, "SELECT * FROM portico_task WHERE name = 'webhooks:deliver'")
    assert receiver.url not in str(dict(row)) and ben.account["email"] not in str(dict(row))
    assert added.account["id"] not in str(receiver.messages)


def test_refused_message_is_sent_again_with_the_same_id_until_its_last_try(
    app: InProcessApp, admin: Client, receiver: WebhookReceiver
) -> None:
    secret = set_webhook(admin, receiver.url)
    receiver.statuses = [500, 429, 404]
    app.client.sign_up("Ben")
    finish(app)
    assert len(receiver.messages) == 4
    assert len({one.id for one in receiver.messages}) == 1
    assert all(one.is_signed_with(secret) for one in receiver.messages)
    assert deliveries(admin)[0]["tries"] == 4

    receiver.statuses = [503] * 100
    app.client.sign_up("Cem")
    finish(app)
    assert len(receiver.messages) == 4 + 5
    failed = deliveries(admin)[0]
    assert (failed["status"], failed["tries"]) == ("failed", 5)
    assert "503" in failed["error"] and failed["next_try_at"] is None
    receiver.statuses = []
    assert admin.post(f"/api/v1/tasks/jobs/{failed['id']}/retry").status == 200
    finish(app)
    assert receiver.messages[-1].id == f"msg_{failed['id']}"
    assert deliveries(admin)[0]["status"] == "completed"


@on_sqlite
def test_receiver_that_is_gone_is_not_asked_again(
    app: InProcessApp, admin: Client, receiver: WebhookReceiver
) -> None:
    set_webhook(admin, receiver.url)
    receiver.statuses = [410]
    app.client.sign_up("Ben")
    finish(app)
    assert len(receiver.messages) == 1
    assert deliveries(admin)[0]["status"] == "failed"


@on_sqlite
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_is_not_followed(admin: Client, receiver: WebhookReceiver, status: int) -> None:
    set_webhook(admin, receiver.url)
    receiver.statuses, receiver.headers = [status], {"location": f"{receiver.url}/other"}
    result = admin.post(f"{WEBHOOK}/test").json
    assert not result["delivered"] and "redirect" in result["error"]
    assert [one.path for one in receiver.messages] == ["/hook"]


@on_sqlite
def test_large_answer_is_not_read_and_counts_as_delivered(
    admin: Client, receiver: WebhookReceiver
) -> None:
    set_webhook(admin, receiver.url)
    receiver.statuses, receiver.body = [200], b"x" * 5_000_000
    assert admin.post(f"{WEBHOOK}/test").json == {"delivered": True, "status": 200, "error": None}


def test_secret_is_of_the_address_and_can_be_replaced(
    app: InProcessApp, admin: Client, receiver: WebhookReceiver
) -> None:
    first = set_webhook(admin, receiver.url)
    second = admin.post(f"{WEBHOOK}/secret").json["secret"]
    admin.post(f"{WEBHOOK}/test")
    assert first != second
    assert receiver.messages[-1].is_signed_with(second)
    assert not receiver.messages[-1].is_signed_with(first)

    (row,) = app.run(fetch_all, "SELECT * FROM webhooks_secret")
    assert second not in row["secret"] and receiver.url not in row["secret"]
    # Who receives at the former address cannot sign for the new one.
    admin.post(WEBHOOK, {"url": f"{receiver.url}/elsewhere"})
    admin.post(f"{WEBHOOK}/test")
    assert not receiver.messages[-1].is_signed_with(second)
    entries = str(admin.get("/api/v1/audit?action=webhook.secret_replaced").json)
    assert "webhook.secret_replaced" in entries and second not in entries


@pytest.mark.both_databases
def test_account_that_is_deleted_meanwhile_gets_no_secret(app: InProcessApp, admin: Client) -> None:
    secrets = SigningSecrets(app.portico.encryptor)
    for make in (secrets.of, secrets.replace):
        with pytest.raises(NotFound):
            app.run(make, Webhook("https://hooks.example.org", "absent"))
    assert app.run(fetch_all, "SELECT id FROM webhooks_secret") == []


@pytest.mark.both_databases
def test_alert_is_sent_once_an_hour_for_each_cause(
    app: InProcessApp, admin: Client, receiver: WebhookReceiver
) -> None:
    secret = set_webhook(admin, receiver.url)
    publish = app.portico.events.publish

    async def raise_alerts() -> None:
        for about in ("one", "one", "two"):
            publish(AdministratorAlert("acme:broken", about, f"The {about} is broken. Mend it."))

    app.run(raise_alerts)
    finish(app)
    app.run(raise_alerts)
    finish(app)
    found = sorted((one.json for one in receiver.messages), key=lambda one: str(one["about"]))
    assert found == [
        {"action": "alert", "message": "The one is broken. Mend it.", "kind": "acme:broken", "about": "one"},
        {"action": "alert", "message": "The two is broken. Mend it.", "kind": "acme:broken", "about": "two"},
    ]  # fmt: skip
    assert all(one.is_signed_with(secret) for one in receiver.messages)

    app.run(execute, "UPDATE webhooks_alert SET sent_at = sent_at - 3601")
    app.run(raise_alerts)
    finish(app)
    assert len(receiver.messages) == 4


@on_sqlite
def test_nothing_is_created_without_a_webhook(app: InProcessApp, admin: Client) -> None:
    app.client.sign_up("Ben")

    async def alert() -> None:
        app.portico.events.publish(AdministratorAlert("acme:broken", "", "It is broken."))

    app.run(alert)
    finish(app)
    assert deliveries(admin) == []
    assert admin.post(f"{WEBHOOK}/test").status == 400
    assert admin.post(f"{WEBHOOK}/secret").status == 400


@pytest.fixture
def env(env: dict[str, str]) -> dict[str, str]:
    return env | {"PORTICO_WEBHOOKS_MAX_TRIES": "5"}


@on_sqlite
def test_first_sign_in_at_an_auth_provider_is_a_sign_up(
    env: dict[str, str], complete_schema: Callable[[Application], None], receiver: WebhookReceiver
) -> None:
    header = {"WEBUI_AUTH_TRUSTED_EMAIL_HEADER": "X-Mail", "PORTICO_TRUSTED_PROXIES": "127.0.0.1"}
    app = InProcessApp(env | header | {"WEBHOOK_URL": receiver.url}, complete_schema)
    try:
        for _ in range(2):
            headers = {"x-mail": "ann@example.org"}
            assert app.client.post("/api/v1/auths/signin", {}, headers=headers).status == 200
        finish(app)
    finally:
        app.close()
    assert [one.json["user"]["email"] for one in receiver.messages] == ["ann@example.org"]


@on_sqlite
@pytest.mark.case("AB-17")
def test_page_of_another_site_cannot_set_the_address_or_cause_a_message(
    app: InProcessApp, admin: Client, receiver: WebhookReceiver
) -> None:
    set_webhook(admin, receiver.url)
    browser = {"cookie": f"token={admin.token}", "origin": "https://evil.example"}
    for path in ("", "/test", "/secret", "/me/secret"):
        answer = app.client.post(
            f"{WEBHOOK}{path}", {"url": "https://evil.example"}, headers=browser
        )
        assert answer.status == 403, path
    assert admin.get(WEBHOOK).json["url"] == receiver.url
    assert receiver.messages == []
