"""Which models an author may base models on or override, for one model or for many at once."""

from collections.abc import Iterable, Set
from dataclasses import dataclass
from typing import Any

from portico.api import AppContext, Forbidden, InvalidRequest
from portico.api.auth import Actor
from portico.api.messages import MODEL_ID_TAKEN, UNAUTHORIZED
from portico.api.text import normalized_id
from portico_models.fields.model_ids import check_id
from portico_models.records.resource_kind import KIND

EMPTY_SET: Set[str] = frozenset()


@dataclass(frozen=True, slots=True)
class BaseAccess:
    """Whether the author may base a model on, or override, the given base models.

    Load it before opening a transaction: it may query model sources. `source_ids`: normalized ids of source models;
    `usable_ids`: base ids this author may use.
    """

    may_override: bool
    source_ids: Set[str]
    usable_ids: Set[str]

    def check(
        self, model_id: str, base_model_id: str | None, before: dict[str, Any] | None
    ) -> None:
        """Check that a model with this id may have this base. `before`: the row that is replaced.

        A base that does not change is not checked again, so that a writer need not be able to use it.

        Raises: InvalidRequest if a source has the id; Forbidden if the author may not use the base, or may not override.
        """
        was_override = before is not None and before["base_model_id"] is None
        if base_model_id is None:
            # An override can rename a source's model, change its instructions and share it with everyone.
            if not was_override and not self.may_override:
                raise Forbidden(UNAUTHORIZED)
            return
        if before is not None and before["base_model_id"] == base_model_id:
            return
        check_id(base_model_id)
        if (before is None or was_override) and normalized_id(model_id) in self.source_ids:
            raise InvalidRequest(MODEL_ID_TAKEN)
        # Else a preset would give its author, and its readers, access to a model they may not use.
        if not self.may_override and base_model_id not in self.usable_ids:
            raise Forbidden(UNAUTHORIZED)


async def load_base_access(app: AppContext, actor: Actor, bases: Iterable[str]) -> BaseAccess:
    """Return what `BaseAccess.check` needs to know for these bases. May query model sources."""
    wanted = set(bases)
    may_override = await app.permissions.allows_on_collection(actor, KIND, "override")
    return BaseAccess(
        may_override=may_override,
        source_ids=await _normalized_source_ids(app) if wanted else EMPTY_SET,
        usable_ids=EMPTY_SET
        if may_override
        else {base for base in wanted if await app.catalogue.is_usable(base, actor)},
    )


async def _normalized_source_ids(app: AppContext) -> set[str]:
    """Return the normalized ids of source models; for `name:tag` also the name alone, as Ollama's clients use it."""
    ids = await app.catalogue.reserved_ids()
    return {normalized_id(one) for full in ids for one in (full, full.partition(":")[0])}
