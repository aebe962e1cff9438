"""Files that a model is given: the account that adds one must be allowed to read it.

Models read them with the rights of their owner, so another writer of a model could otherwise ask it for the owner's files.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from portico.api import AppContext, InvalidRequest
from portico.api.auth import Actor
from portico.api.interfaces import FileLookup
from portico_models.records.draft import ModelDraft

UNREADABLE: Final = (
    "[ERROR: knowledge: a file was not found. Remove it from the model, or attach it again]"
)


class _KnownMeta(msgspec.Struct):
    knowledge: list[msgspec.Raw] | None = None


async def check_knowledge(
    app: AppContext, actor: Actor, draft: ModelDraft, before: Mapping[str, Any]
) -> None:
    """Check the files that a change of another's model adds. `before`: its row.

    Raises: InvalidRequest for one that the actor may not read, or that does not exist.
    """
    if before["user_id"] == actor.id or draft.meta == before["meta"]:
        return
    lookup, entries = app.services.get(FileLookup), _knowledge_of(draft.meta)
    if lookup is None or not entries:
        return
    if await lookup.adds_unreadable(actor, entries, _knowledge_of(before["meta"])):
        raise InvalidRequest(UNREADABLE)


def _knowledge_of(meta: str) -> Sequence[msgspec.Raw]:
    try:
        return msgspec.json.decode(meta, type=_KnownMeta).knowledge or ()
    except (msgspec.MsgspecError, RecursionError):
        return ()
