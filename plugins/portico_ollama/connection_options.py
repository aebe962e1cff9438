"""Options of one connection to an Ollama server."""

from typing import Literal

import msgspec

from portico.api import Secret


class OllamaOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Options of one connection. Unknown keys are ignored.

    `key`: sent as a bearer token. `model_ids`: if not empty, only these models of the server are offered. `prefix_id`:
    prefix of every id, with a dot. `headers`: sent with every request. `access`: `public` = every verified account may
    use models without a workspace model; else only administrators may. `name`: display name.
    """

    enable: bool = True
    key: Secret = Secret()
    name: str = ""
    model_ids: list[str] = []
    prefix_id: str | None = None
    tags: list[dict[str, str]] = []
    connection_type: str = "local"
    headers: dict[str, Secret] | None = None
    access: Literal["public"] | None = None
