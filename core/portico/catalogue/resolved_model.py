"""Where a completion request goes: the sources, their model id, and the parameters of the workspace."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from portico.catalogue.source import ModelSource, Operation, WorkspaceModel, operations_of


class _Known(msgspec.Struct):
    knowledge: list[msgspec.Raw] | None = None


class ResolvedModel(msgspec.Struct, frozen=True, kw_only=True):
    """A resolved model that the actor may use.

    `id`, `name`: as clients see them. `sources`: all that may be asked, in the order of their configuration. `stale`: those of
    them that failed when they were last asked for their list. `model`: the id that they know; for a preset, of its base model. `params`: the decoded
    parameters of the record; those of a preset override those of the presets it is based on, but an override of the
    source model at the end is not included. Shared between requests: do not change `params`. `knowledge`: the entries in
    `meta.knowledge` of the record, raw, as `owner_id`, its writer, has attached them; empty = none. `connection_type`: of the
    first source's card, `local` or `external`; no source of a local model is external. `arena_id`: of the arena model that has
    picked it; None = the client named it. `is_direct`: the client's own model, so its name, its answer and the usage in
    it are only what the client says.
    """

    id: str
    name: str
    sources: Sequence[ModelSource]
    stale: Sequence[ModelSource] = ()
    model: str
    params: Mapping[str, Any] = {}
    owner_id: str | None = None
    knowledge: Sequence[msgspec.Raw] = ()
    connection_type: str = "external"
    arena_id: str | None = None
    is_direct: bool = False

    @property
    def source(self) -> ModelSource:
        """The first source."""
        return self.sources[0]

    def answers(self, operation: Operation) -> bool:
        """Return whether all its sources answer this kind of call, so that any of them may be asked."""
        return all(operation in operations_of(source) for source in self.sources)

    @property
    def system(self) -> str | None:
        """The model's system prompt, before variables are replaced; None if it has none."""
        system = self.params.get("system")
        return system if isinstance(system, str) and system else None


def knowledge_of(record: WorkspaceModel) -> Sequence[msgspec.Raw]:
    """Return the entries in `meta.knowledge` of a record; empty if there is no list."""
    try:
        return msgspec.json.decode(record.meta, type=_Known).knowledge or ()
    except msgspec.MsgspecError:
        return ()


def decoded_params(record: WorkspaceModel) -> dict[str, Any]:
    """Return the parameters of a record; empty if they are not an object."""
    params = msgspec.json.decode(record.params)
    return params if isinstance(params, dict) else {}
