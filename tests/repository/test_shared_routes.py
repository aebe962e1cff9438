"""Applications of a test process share their routes, one after the other, and nothing else."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.one_database import database_url  # noqa: F401 - a fixture

from portico.testing import Client, InProcessApp


@contextmanager
def application(env: dict[str, str], folder: Path) -> Iterator[InProcessApp]:
    running = InProcessApp(env | {"DATA_DIR": str(folder)})
    try:
        yield running
    finally:
        running.close()


def names(admin: Client) -> list[str]:
    return sorted(one["name"] for one in admin.get("/api/v1/users/").json["users"])


def controllers(app: InProcessApp) -> set[object]:
    """Return the controllers whose `plugin` belongs to this application."""
    parts = [one.components for one in app.portico.contributions if one.components is not None]
    from portico.web.routes import Controller

    return {
        kind
        for family in Controller.__subclasses__()
        for kind in family.__subclasses__()
        if any(kind.plugin is part for part in parts)
    }


def test_the_next_application_has_the_same_routes_and_its_own_data(
    env: dict[str, str], tmp_path: Path
) -> None:
    with application(env, tmp_path / "first") as first:
        ada = first.client.sign_up("Ada")
        assert names(ada) == ["Ada"]
        shared = controllers(first)
    assert all(kind.plugin is None for kind in shared)  # type: ignore[attr-defined]
    with application(env, tmp_path / "second") as second:
        assert controllers(second) == shared
        token = {"authorization": f"Bearer {ada.token}"}
        assert second.client.get("/api/v1/users/", headers=token).status == 401
        assert names(second.client.sign_up("Ben")) == ["Ben"]
    with application(env, tmp_path / "first") as again:
        assert names(again.client.sign_in("Ada")) == ["Ada"]


def test_applications_at_the_same_time_have_their_own_routes(
    env: dict[str, str], tmp_path: Path
) -> None:
    with application(env, tmp_path / "first") as first:
        ada = first.client.sign_up("Ada")
        with application(env, tmp_path / "second") as second:
            assert not controllers(first) & controllers(second)
            ben = second.client.sign_up("Ben")
            assert (names(ada), names(ben)) == (["Ada"], ["Ben"])
        assert names(ada) == ["Ada"]


@pytest.mark.parametrize("limit", [20, 40])
def test_settings_of_the_server_apply(env: dict[str, str], tmp_path: Path, limit: int) -> None:
    settings = env | {"PORTICO_SERVER_MAX_JSON_DEPTH": str(limit)}
    with application(settings, tmp_path / "data") as app:
        ada = app.client.sign_up("Ada")
        for depth, status in ((limit - 5, 200), (limit + 5, 422)):
            body = b'{"deep":' + b"[" * depth + b"]" * depth + b"}"
            answer = ada.post("/api/v1/users/user/settings/update", body=body)
            assert answer.status == status, (depth, answer)
