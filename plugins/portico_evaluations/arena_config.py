"""The arena models in the form of clients. They are runtime settings of the model catalogue."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from portico.api import AppContext, InvalidRequest, TooLarge
from portico.api.auth import Actor
from portico.api.json import field_error
from portico.api.messages import MODEL_ID_TAKEN
from portico.api.policy import describe_missing, read_rights
from portico_evaluations.schemas import ArenaModelForm, EvaluationConfig, EvaluationConfigAnswer

ENABLED: Final = "ENABLE_EVALUATION_ARENA_MODELS"
MODELS: Final = "EVALUATION_ARENA_MODELS"
MAX_ARENA_MODELS: Final = 100
#: Bytes of all of them as JSON: each process reads them again when a setting changes.
MAX_BYTES: Final = 1024 * 1024
MAX_MODEL_IDS: Final = 1000
MAX_ID_CHARS: Final = 256
_RIGHTS: Final = ("access_control", "access_grants")


class _ArenaMeta(msgspec.Struct):
    """The known keys of `meta`, besides those about access."""

    model_ids: list[str] | None = None
    filter_mode: str | None = None
    description: str | None = None
    profile_image_url: str | None = None


class ArenaConfig:
    """Reads and changes the arena models. A change is in force on all instances within a second."""

    def __init__(self, app: AppContext) -> None:
        self._app = app
        app.runtime_settings.add_reader(type(app.settings.catalogue), self._read)

    async def current(self) -> EvaluationConfigAnswer:
        """Return the arena models in force."""
        values = await self._app.runtime_settings.values()
        pinned = self._app.runtime_settings.pinned((ENABLED, MODELS))
        models = msgspec.convert(msgspec.to_builtins(values[MODELS]), list[ArenaModelForm])
        return EvaluationConfigAnswer(
            ENABLE_EVALUATION_ARENA_MODELS=values[ENABLED],
            EVALUATION_ARENA_MODELS=models,
            pinned=pinned,
        )

    async def update(self, actor: Actor, form: EvaluationConfig) -> EvaluationConfigAnswer:
        """Store what differs from the present values, all or nothing.

        Raises: ValidationError for `meta` of another shape; InvalidRequest for an id that is taken or not allowed, for
        unknown users and groups, and for another value of a pinned setting; TooLarge.
        """
        before = await self.current()
        given: dict[str, Any] = {}
        if form.ENABLE_EVALUATION_ARENA_MODELS is not None:
            given[ENABLED] = form.ENABLE_EVALUATION_ARENA_MODELS
        models = form.EVALUATION_ARENA_MODELS
        if models is not None and models != before.EVALUATION_ARENA_MODELS:
            await self._check(models, {one.id for one in before.EVALUATION_ARENA_MODELS})
            given[MODELS] = msgspec.to_builtins(models)
        await self._app.runtime_settings.change(given, actor.id)
        return await self.current()

    async def _read(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """Check the arena models of an import, or of an earlier change. Raises: as `update`."""
        if isinstance(models := given.get(MODELS), list):
            present = (await self.current()).EVALUATION_ARENA_MODELS
            try:
                forms = msgspec.convert(models, list[ArenaModelForm])
            except msgspec.ValidationError as error:
                raise field_error([MODELS], "type_error", str(error)) from None
            await self._check(forms, {one.id for one in present})
        return given

    async def _check(self, models: list[ArenaModelForm], known: set[str]) -> None:
        if len(models) > MAX_ARENA_MODELS:
            raise InvalidRequest(f"[ERROR: {MODELS}: at most {MAX_ARENA_MODELS}]")
        if len(msgspec.json.encode(models)) > MAX_BYTES:
            raise TooLarge(f"[ERROR: {MODELS}: at most {MAX_BYTES} bytes]")
        taken = await self._app.catalogue.usable_ids()
        seen: set[str] = set()
        for number, model in enumerate(models):
            _check_id(model.id, number)
            if model.id in seen or (model.id in taken and model.id not in known):
                raise InvalidRequest(MODEL_ID_TAKEN)
            seen.add(model.id)
            await self._check_meta(model.meta, [MODELS, number, "meta"])

    async def _check_meta(self, meta: dict[str, Any], path: list[str | int]) -> None:
        try:
            known = msgspec.convert(meta, _ArenaMeta)
        except msgspec.ValidationError as error:
            raise field_error(path, "type_error", str(error)) from None
        if known.filter_mode not in (None, "include", "exclude"):
            raise field_error([*path, "filter_mode"], "value_error", "Expected include or exclude")
        if len(known.model_ids or ()) > MAX_MODEL_IDS:
            raise field_error([*path, "model_ids"], "too_long", f"At most {MAX_MODEL_IDS}")
        sharing = read_rights(*(meta.get(name, msgspec.UNSET) for name in _RIGHTS))
        if sharing is not None and (
            missing := await self._app.permissions.grants.missing([sharing])
        ):
            raise InvalidRequest(f"[ERROR: {MODELS}: {describe_missing(missing)}]")


def _check_id(model_id: str, number: int) -> None:
    if not 0 < len(model_id) <= MAX_ID_CHARS or not model_id.isprintable() or model_id.isspace():
        path: list[str | int] = [MODELS, number, "id"]
        raise field_error(path, "value_error", f"1 to {MAX_ID_CHARS} printable characters")
