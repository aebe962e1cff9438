"""Responses that test clients return."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Response:
    """A response. `headers`: names in lower case; of a repeated header the last. `cookies`: every `Set-Cookie`."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    cookies: tuple[str, ...] = ()

    @property
    def json(self) -> Any:
        """The decoded body."""
        return json.loads(self.body)

    @property
    def detail(self) -> Any:
        """The reason why the request was refused."""
        return self.json["detail"]

    @property
    def events(self) -> list[str]:
        """The payloads of a stream of server-sent events, in order."""
        return [
            line[5:].strip() for line in self.body.decode().splitlines() if line.startswith("data:")
        ]
