"""The list of tags."""

from typing import Any
from urllib.parse import quote

import pytest
from tests.plugins.models.conftest import form, readers, writers

from portico.testing import Client

CREATE, TAGS = "/api/v1/models/create", "/api/v1/models/tags"


def tagged(model_id: str, *names: str, **changes: Any) -> dict[str, Any]:
    return form(model_id, meta={"tags": [{"name": name} for name in names]}, **changes)


def test_tags_are_listed_once_sorted_and_as_written(ann: Client) -> None:
    ann.post(CREATE, tagged("one", "Steuer", "Ärzte", " lex ", "Lex", ""))
    ann.post(CREATE, tagged("two", "Steuer", "LEX", "zoo"))

    assert ann.get(TAGS).json == ["LEX", "Steuer", "zoo", "Ärzte"]


def test_tags_that_look_alike_are_listed_once(ann: Client) -> None:
    ann.post(CREATE, tagged("one", "Caf\u00e9", "Big Trip"))
    ann.post(CREATE, tagged("two", "cafe\u0301", "Big\u00a0Trip", "Ca\u200bfé", "big\u200b trip"))

    assert len(ann.get(TAGS).json) == 2
    for asked in ("café", "cafe\u0301", "CAFE\u0301", "big trip"):
        assert ann.get(f"/api/v1/models/list?tag={quote(asked)}").json["total"] == 2


@pytest.mark.both_databases
def test_tags_come_from_the_callers_list_only(ann: Client, admin: Client) -> None:
    admin.post(CREATE, tagged("public", "Public", access_control=None))
    admin.post(CREATE, tagged("written", "Written", access_control=writers(ann)))
    admin.post(CREATE, tagged("read", "Read", access_control=readers(ann)))
    admin.post(CREATE, tagged("private", "Private"))
    admin.post(CREATE, tagged("closed-1", "Override", base_model_id=None, access_control=None))

    assert ann.get(TAGS).json == ["Public", "Written"]
    assert admin.get(TAGS).json == ["Private", "Public", "Read", "Written"]


def test_tags_follow_every_change(ann: Client) -> None:
    ann.post(CREATE, tagged("one", "Lex"))
    assert ann.get(TAGS).json == ["Lex"]

    ann.post("/api/v1/models/model/update", tagged("one", "LEX", "Tax"))
    assert ann.get(TAGS).json == ["LEX", "Tax"]
    assert ann.get("/api/v1/models/list?tag=lex").json["total"] == 1

    ann.post("/api/v1/models/model/delete", {"id": "one"})
    assert ann.get(TAGS).json == []


def test_tag_that_is_too_long_is_rejected(ann: Client) -> None:
    answer = ann.post(CREATE, tagged("one", "x" * 129))

    assert answer.status == 400
    assert "meta.tags" in answer.detail
    assert ann.post(CREATE, tagged("one", "ΐ" * 128)).status == 200
