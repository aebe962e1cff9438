"""Plugins that exit or cancel: a filter or a source that does so fails, and the server goes on."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from tests.core.gateway.test_filters import Results, complete, ended

from portico.api.models import EVENT_STREAM, ModelCard, SourceRequest, SourceResponse
from portico.testing import Client, InProcessApp


@pytest.fixture(params=[SystemExit, asyncio.CancelledError], autouse=True)
def raised(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the plugins of a test raise."""
    monkeypatch.setitem(RAISED, "error", request.param)


RAISED: dict[str, type[BaseException]] = {}


def leave(*_: Any) -> Any:
    raise RAISED["error"]


async def leave_later(*_: Any) -> Any:
    raise RAISED["error"]


class Leaving:
    """An editor that does so at its first piece, or at its end."""

    def feed(self, piece: Any) -> Any:
        raise RAISED["error"]

    close: Callable[[], Any] = leave


FILTERS: dict[str, dict[str, Any]] = {
    "inlet": {"inlet": leave_later},
    "outlet": {"outlet": leave_later},
    "begin": {"edit_blocks": leave},
    "blocks": {"edit_blocks": lambda _: Leaving()},
    "events": {"edit_events": lambda _: Leaving()},
    "text": {"edit_text": lambda _: Leaving()},
}


@pytest.mark.case("FT-28")
@pytest.mark.parametrize("callback", FILTERS)
@pytest.mark.parametrize("stream", [True, False])
def test_filter_that_exits_fails_its_call_only(
    user: Client, install_filter: Any, results: Results, callback: str, stream: bool
) -> None:
    install_filter(name="leaving", **FILTERS[callback])
    answer = complete(user, stream=stream)
    assert b"The filter 'tests:leaving' failed." in answer.body
    assert ended(results) == ["failed" if callback != "inlet" else "refused"]
    assert user.get("/health").status == 200


def test_filter_that_exits_when_told_of_the_end_is_ignored(
    user: Client, install_filter: Any, results: Results
) -> None:
    install_filter(name="leaving", ended=leave)
    assert complete(user).status == 200
    assert ended(results) == ["completed"]


class LeavingSource:
    """Exits or cancels, before or in its answer."""

    name = "leaving"

    def __init__(self, *, begins: bool, ends_promptly: bool) -> None:
        self._begins, self.ends_promptly = begins, ends_promptly

    async def list_models(self) -> list[ModelCard]:
        return [ModelCard(id="exit", name="exit", owned_by="tests")]

    async def complete(self, request: SourceRequest) -> SourceResponse:
        if not self._begins:
            raise RAISED["error"]
        return SourceResponse(body=self._stream(), content_type=EVENT_STREAM)

    async def _stream(self) -> AsyncIterator[bytes]:
        yield b'data: {"choices":[{"delta":{"content":"first"}}]}\n\n'
        raise RAISED["error"]


@pytest.mark.case("FT-28")
@pytest.mark.parametrize("begins", [True, False])
@pytest.mark.parametrize("ends_promptly", [True, False])
def test_source_that_exits_fails_its_call_only(
    app: InProcessApp, admin: Client, results: Results, begins: bool, ends_promptly: bool
) -> None:
    source = LeavingSource(begins=begins, ends_promptly=ends_promptly)

    async def replace() -> None:
        app.portico.catalogue.replace_sources("openai", [source])

    app.run(replace)
    assert admin.get("/api/models?refresh=true").status == 200
    answer = complete(admin, "exit", stream=True)
    assert answer.status == (200 if begins else 500)
    assert (b"first" in answer.body) == begins
    assert ended(results) == ["failed"]
    assert admin.get("/health").status == 200
