"""Templates that come along with models."""

from collections.abc import Sequence
from typing import Final

import msgspec

from portico.api import Actor, Fault, House, Invalid, Refusal, transaction, unreadable
from portico_models.template_schemas import TemplateForm
from portico_models.templates import Templates

#: Templates in one import.
MOST: Final = 1000

_DECODER: Final = msgspec.json.Decoder(TemplateForm)


async def bring_templates(
    app: House, actor: Actor, objects: Sequence[msgspec.Raw]
) -> tuple[list[str], list[Fault]]:
    """Write templates. Returns the ids of those that are there now, and what is wrong with the others.

    In a transaction, which is to be undone if anything is wrong. Raises: Invalid if there are too many.
    """
    if len(objects) > MOST:
        raise Invalid(f"[ERROR: at most {MOST} templates at once]")
    templates = app.services.need(Templates)
    ids, faults = [], []
    for index, raw in enumerate(objects):
        try:
            form = _decode(raw)
        except Refusal as error:
            faults.append(Fault(index, None, error))
            continue
        try:
            async with transaction():
                (brought,) = await templates.import_many(actor, [form])
                ids.append(brought.id)
        except Refusal as error:
            faults.append(Fault(index, form.id or form.name, error))
    return ids, faults


async def rehearse_templates(
    app: House, actor: Actor, objects: Sequence[msgspec.Raw]
) -> tuple[list[str], list[Fault]]:
    """What `bring_templates` would return. Nothing is changed."""
    try:
        async with transaction():
            raise _Undo(await bring_templates(app, actor, objects))
    except _Undo as undo:
        return undo.result


class _Undo(Exception):
    """Takes the transaction back, and its result along."""

    def __init__(self, result: tuple[list[str], list[Fault]]) -> None:
        self.result = result


def _decode(raw: msgspec.Raw) -> TemplateForm:
    try:
        return _DECODER.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise unreadable(error) from None
