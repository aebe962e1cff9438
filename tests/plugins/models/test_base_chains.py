"""Presets based on presets: depth, permissions and cycles."""

import threading

import pytest
from tests.plugins.models.conftest import Shop, form, readers, writers

from portico.api.messages import UNAUTHORIZED
from portico.catalogue import MAX_CHAIN_LENGTH
from portico.testing import Client
from portico_models.workspace.base_rules import CYCLE_MESSAGE

CREATE, UPDATE = "/api/v1/models/create", "/api/v1/models/model/update"


def chain(client: Client, *ids: str) -> None:
    """Create presets, each based on the one before, the first on the open model."""
    base = "open-1"
    for one in ids:
        answer = client.post(CREATE, form(one, base_model_id=base))
        assert answer.status == 200, answer
        base = one


def test_preset_can_be_based_on_a_preset(ann: Client) -> None:
    chain(ann, "a", "b", "c")
    assert [one["id"] for one in ann.get("/api/models").json["data"]] == ["open-1", "a", "b", "c"]


def test_cycle_of_bases_is_rejected_at_any_length(ann: Client, admin: Client) -> None:
    chain(ann, "a", "b", "c")

    for client in (ann, admin):
        for base in ("a", "b", "c"):
            answer = client.post(UPDATE, form("a", base_model_id=base))
            assert (answer.status, answer.detail) == (400, CYCLE_MESSAGE)
    assert "base_model_id" in CYCLE_MESSAGE
    assert ann.get("/api/v1/models/model?id=a").json["base_model_id"] == "open-1"


def test_preset_of_a_missing_base_cannot_close_a_cycle(admin: Client) -> None:
    admin.post(CREATE, form("a", base_model_id="b"))  # b does not exist yet

    assert admin.post(CREATE, form("b", base_model_id="a")).detail == CYCLE_MESSAGE


@pytest.mark.both_databases
def test_concurrent_updates_cannot_close_a_cycle(admin: Client) -> None:
    chain(admin, "a")
    chain(admin, "b")
    answers = []
    forms = [form("a", base_model_id="b"), form("b", base_model_id="a")]
    threads = [
        threading.Thread(target=lambda one=one: answers.append(admin.post(UPDATE, one)))
        for one in forms
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(answer.status for answer in answers) == [200, 400]


def test_chain_of_bases_has_a_maximum_length(ann: Client) -> None:
    chain(ann, *(f"m{number}" for number in range(MAX_CHAIN_LENGTH)))

    answer = ann.post(CREATE, form("over", base_model_id=f"m{MAX_CHAIN_LENGTH - 1}"))

    assert (answer.status, "base_model_id" in answer.detail) == (400, True)
    listed = [one["id"] for one in ann.get("/api/models").json["data"]]
    assert f"m{MAX_CHAIN_LENGTH - 1}" in listed


@pytest.mark.case("AB-36")
def test_preset_on_a_private_base_two_levels_down_is_rejected(
    ann: Client, bob: Client, admin: Client
) -> None:
    admin.post(CREATE, form("private", base_model_id="open-1"))
    assert ann.post(CREATE, form("x", base_model_id="private")).detail == UNAUTHORIZED

    # Shared with Ann by a user who may no longer use its base.
    admin.post(CREATE, form("lent", access_control=readers(bob)))
    bob.post(CREATE, form("middle", base_model_id="lent"))
    admin.post(
        UPDATE, form("middle", base_model_id="lent", access_control=readers(ann) | writers(bob))
    )
    assert ann.post(CREATE, form("x", base_model_id="middle")).status == 200
    admin.post(UPDATE, form("lent", access_control={}))

    for method, body in (
        (CREATE, form("y", base_model_id="middle")),
        (UPDATE, form("x", base_model_id="lent")),
    ):
        answer = ann.post(method, body)
        assert (answer.status, answer.detail) == (403, UNAUTHORIZED)
    assert ann.post(UPDATE, form("x", base_model_id="middle")).status == 200  # the base stays


@pytest.mark.case("AB-36")
def test_missing_base_and_private_base_get_equal_responses(ann: Client, shop: Shop) -> None:
    answers = [ann.post(CREATE, form(base_model_id=base)) for base in ("closed-1", "absent")]
    assert {answer.body for answer in answers} == {answers[0].body}
    assert {answer.status for answer in answers} == {403}
