"""Settings of the model catalogue."""

from typing import Annotated, Any

import msgspec

from portico.settings.section import Section, setting


class ArenaModel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A model that represents others: each request is answered by one of them, chosen at random.

    Shape of `meta`: `model_ids`, a list or null = all; `filter_mode` `exclude` = all except those; `access_control`, as
    of a model, but without it only administrators may use it; further keys for clients.
    """

    id: Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
    name: str
    meta: dict[str, Any] = {}


class CatalogueSettings(Section):
    """The list of models."""

    cache_ttl: Annotated[
        float | None,
        setting(
            "Seconds for which the list of a source is cached; 0 = not cached, empty = until it is refreshed",
            formerly="ttl",
            env="MODELS_CACHE_TTL",
            empty=True,
            ge=0,
        ),
    ] = 1.0
    cache_until_refresh: Annotated[
        bool,
        setting(
            "Cache lists until they are refreshed; overrides `cache_ttl`",
            formerly="keep",
            env="ENABLE_BASE_MODELS_CACHE",
            runtime_key="models.base_models_cache",
        ),
    ] = False
    refresh_timeout: Annotated[
        float,
        setting(
            "Seconds that a request waits for slow sources before the last list is used",
            formerly="limit",
            gt=0,
        ),
    ] = 1.5
    model_order: Annotated[
        list[str],
        setting(
            "Ids of the models that are listed first, in this order; the others follow by name",
            formerly="order",
            env="MODEL_ORDER_LIST",
            runtime_key="ui.model_order_list",
            max_length=10_000,
        ),
    ] = []
    forward_user_info: Annotated[
        bool,
        setting(
            "Tell model sources in X-OpenWebUI-* headers who sends a request: name, id, e-mail address, role, chat",
            env="ENABLE_FORWARD_USER_INFO_HEADERS",
        ),
    ] = False
    arena: Annotated[
        bool,
        setting(
            "List arena models, each of which answers by another model chosen at random",
            env="ENABLE_EVALUATION_ARENA_MODELS",
            runtime_key="evaluation.arena.enable",
        ),
    ] = True
    arena_models: Annotated[
        list[ArenaModel],
        setting(
            "Arena models as JSON: id, name, meta; none = one for all models, which only administrators see",
            env="EVALUATION_ARENA_MODELS",
            runtime_key="evaluation.arena.models",
        ),
    ] = []

    @property
    def list_ttl(self) -> float | None:
        """Seconds for which a list is cached; 0 = not cached, None = until it is refreshed."""
        return None if self.cache_until_refresh else self.cache_ttl
