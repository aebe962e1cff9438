"""Connections that an administrator changes while the server runs."""

from typing import Any

from portico.testing import Client


def save_connections(config: str, admin: Client, wanted: dict[str, Any]) -> dict[str, Any]:
    """Store connections; return what is shown of them. `config`: the path under which they are read."""
    answer = admin.post(f"{config}/update", wanted)
    assert answer.status == 200, answer
    assert answer.json == admin.get(config).json
    shown: dict[str, Any] = answer.json
    return shown


def assert_refused(config: str, admin: Client, wanted: dict[str, Any], *words: str) -> None:
    """The connections are refused with these words, and those that are stored stay as they are."""
    before = admin.get(config).json
    answer = admin.post(f"{config}/update", wanted)
    assert answer.status == 400 and all(word in answer.detail for word in words), answer
    assert admin.get(config).json == before
