"""On what an author may stand models, and what may be called what: for one record, or for many at once."""

from collections.abc import Iterable, Set
from dataclasses import dataclass
from typing import Any

from portico.api import MODEL_ID_TAKEN, UNAUTHORIZED, Actor, AppContext, Forbidden, InvalidRequest
from portico_models.model_ids import check_id, normalized_id
from portico_models.records import KIND

NOTHING: Set[str] = frozenset()


@dataclass(frozen=True, slots=True)
class BaseAccess:
    """What is known of the bases somebody named. Learnt before a transaction, for sources may have to be asked.

    `offered`: what the ids of sources look like. `usable`: which of the bases are theirs to use.
    """

    may_override: bool
    offered: Set[str]
    usable: Set[str]

    def check(
        self, model_id: str, base_model_id: str | None, before: dict[str, Any] | None
    ) -> None:
        """Whether a record of this id may stand on this base. `before`: the row that is to be replaced.

        A writer of a preset need not be able to use its base as long as the base stays the same.

        Raises: Invalid if a source has the id; Forbidden if the base, or a record without one, is not theirs.
        """
        was_override = before is not None and before["base_model_id"] is None
        if base_model_id is None:
            # Whoever overrides a source's model renames it, instructs it and opens it for all.
            if not was_override and not self.may_override:
                raise Forbidden(UNAUTHORIZED)
            return
        if before is not None and before["base_model_id"] == base_model_id:
            return
        check_id(base_model_id)
        if (before is None or was_override) and normalized_id(model_id) in self.offered:
            raise InvalidRequest(MODEL_ID_TAKEN)
        # Else a preset would open a model to its author, and to all it is shared with.
        if not self.may_override and base_model_id not in self.usable:
            raise Forbidden(UNAUTHORIZED)


async def load_base_access(app: AppContext, actor: Actor, bases: Iterable[str]) -> BaseAccess:
    """Ask what `Footing.check` needs to know for these bases. May ask model sources."""
    wanted = set(bases)
    may_override = await app.permissions.allows_on_collection(actor, KIND, "override")
    return BaseAccess(
        may_override=may_override,
        offered=await _offered(app) if wanted else NOTHING,
        usable=NOTHING
        if may_override
        else {base for base in wanted if await app.catalogue.is_usable(base, actor)},
    )


async def _offered(app: AppContext) -> set[str]:
    """What the ids of sources look like; of `name:tag` the name alone as well, as Ollama's clients use it."""
    ids = await app.catalogue.reserved_ids()
    return {normalized_id(one) for full in ids for one in (full, full.partition(":")[0])}
