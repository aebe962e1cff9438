"""Options that connections of every kind of model source have."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

import msgspec

from portico.settings.section import Secret
from portico.upstream.connections.masked_secrets import MASK
from portico.upstream.connections.option_checks import (
    MAX_NAME_CHARS,
    choice_fault,
    headers_fault,
    model_ids_fault,
    seconds_fault,
    text_fault,
)

OptionsT = TypeVar("OptionsT")

TIMEOUTS: Final = (
    "connect_timeout",
    "list_timeout",
    "first_byte_timeout",
    "idle_timeout",
    "timeout",
)
MAX_ORDER: Final = 1_000_000
#: Options that web clients do not know, so a form without them does not change them.
OWN_OPTIONS: Final = ("name", "access", "weight", "order", *TIMEOUTS)


class SourceOptions(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Options of one connection. Unknown keys are ignored.

    `model_ids`: if not empty, the models of the connection. `prefix_id`: prefix of every id, with a dot. `headers`: sent with
    every request. `access`: `public` = every verified account may use models without a workspace model; else only
    administrators may. `name`: display name. `weight`, `order`: how requests are spread over connections with the same
    model. The timeouts are seconds; None = those of the settings.
    """

    enable: bool = True
    name: str = ""
    model_ids: list[str] = []
    prefix_id: str | None = None
    tags: list[dict[str, str]] = []
    connection_type: str = "external"
    headers: dict[str, Secret] | None = None
    access: str | None = None
    weight: float = 1.0
    order: int = 0
    connect_timeout: float | None = None
    list_timeout: float | None = None
    first_byte_timeout: float | None = None
    idle_timeout: float | None = None
    timeout: float | None = None

    @property
    def plain_headers(self) -> dict[str, str]:
        """The headers, in plain text."""
        return {name: value.reveal() for name, value in (self.headers or {}).items()}

    @property
    def tag_names(self) -> Sequence[str]:
        """The names of the tags."""
        return [tag["name"] for tag in self.tags if "name" in tag]

    def public_id(self, provider_id: str) -> str:
        """Return the id in the catalogue of the provider's model."""
        return f"{self.prefix_id}.{provider_id}" if self.prefix_id else provider_id

    def provider_id(self, public_id: str) -> str:
        """Return the provider's id of a model, by its id in the catalogue."""
        return public_id.removeprefix(f"{self.prefix_id}.") if self.prefix_id else public_id


def options_at(configs: Mapping[str, OptionsT], index: int, url: str) -> OptionsT | None:
    """Return the options of a connection; None if there are none.

    They are stored under its number or, as in older deployments, under its URL (source: the clients' contract).
    """
    return configs.get(str(index)) or configs.get(url)


def shown_options(options: SourceOptions) -> dict[str, Any]:
    """Return options as clients see them, with masks in place of secrets: those that web clients know are always there."""
    known = {
        "enable": options.enable,
        "tags": options.tags,
        "prefix_id": options.prefix_id or "",
        "model_ids": options.model_ids,
        "connection_type": options.connection_type,
    }
    plain: dict[str, Any] = msgspec.to_builtins(options, enc_hook=lambda _: MASK)
    return plain | known


def source_option_fault(options: SourceOptions) -> str:
    """Return the first of these options with an invalid value and why, as `name: reason`; empty if all are valid."""
    checks = (
        ("name", text_fault(options.name, MAX_NAME_CHARS)),
        ("model_ids", model_ids_fault(options.model_ids)),
        ("prefix_id", text_fault(options.prefix_id or "", MAX_NAME_CHARS)),
        ("connection_type", choice_fault(options.connection_type, ("external", "local"))),
        ("headers", headers_fault(options.headers or {})),
        ("access", choice_fault(options.access or "public", ("public",))),
        ("weight", "" if 0 < options.weight <= 1000 else "must be over 0 and at most 1000"),
        ("order", "" if abs(options.order) <= MAX_ORDER else f"must be at most {MAX_ORDER}"),
        *((name, seconds_fault(getattr(options, name))) for name in TIMEOUTS),
    )
    return first_fault(checks)


def first_fault(checks: "tuple[tuple[str, str], ...]") -> str:
    """Return the first fault of pairs of a name and a fault, as `name: reason`; empty if there is none."""
    return next((f"{name}: {fault}" for name, fault in checks if fault), "")
