"""Where a completion goes: the source, the id it knows, and what the workspace adds to the request."""

from collections.abc import Mapping
from typing import Any

import msgspec

from portico.catalogue.source import ModelSource, WorkspaceModel


class ResolvedModel(msgspec.Struct, frozen=True, kw_only=True):
    """A model somebody may use, resolved.

    `id`, `name`: as clients see it. `model`: what its source calls it; for a preset, the base. `params`: what the
    record asks for, decoded; those of a preset are laid over those of the presets it stands on, but not over those of
    an override at the bottom. `system`: the system prompt among them. Shared between requests: do not change `params`.
    """

    id: str
    name: str
    source: ModelSource
    model: str
    params: Mapping[str, Any] = {}

    @property
    def system(self) -> str | None:
        """The model's system prompt, not yet templated; None if it has none."""
        system = self.params.get("system")
        return system if isinstance(system, str) and system else None


def decoded_params(record: WorkspaceModel) -> dict[str, Any]:
    """The parameters of a record; nothing if they are not an object."""
    params = msgspec.json.decode(record.params)
    return params if isinstance(params, dict) else {}
