"""JSON bodies of the routes of sources."""

from typing import Literal

import msgspec

from portico.api.models import SourceActivity, SourceStatus


class SourceView(msgspec.Struct, frozen=True, kw_only=True):
    """One source. Times are seconds; what it is doing is that of one process.

    `state`: of its list of models: `ok`; `stale` = failed, the last list is used; `failed` = there never was one; `unknown`
    = not asked yet; `reason`: why. `models`: how many it lists. `list_age`: since the last good list. `shared`: ids that
    other sources offer too, so that any of them may be asked. `shadowed`: ids for which it is not asked, since an earlier
    source offers them to more users, or as local models.

    `order`, `weight`, `operations`: as configured. `in_flight`: calls that it is answering now. `calls`: by outcome, since
    the process started. `breaker`: `closed` = it is asked; `open` = not, after `failures` in a row, for `retry_seconds` more;
    `half_open` = the next call finds out. `paused_models`: ids for which it asked to wait, with the seconds that remain.
    `last_error`: why its last failed call failed, `last_error_age` ago; empty = none did.
    """

    name: str
    plugin: str
    state: Literal["ok", "stale", "failed", "unknown"]
    reason: str
    models: int
    list_age: float | None
    shared: list[str]
    shadowed: list[str]
    order: int
    weight: float
    operations: list[str]
    in_flight: int
    calls: dict[str, int]
    breaker: Literal["closed", "open", "half_open"]
    failures: int
    retry_seconds: float | None
    paused_models: dict[str, float]
    last_error: str
    last_error_age: float | None

    @classmethod
    def of(cls, status: SourceStatus, activity: SourceActivity) -> "SourceView":
        """Return what is shown of a source with this status and this activity."""
        return cls(
            plugin=status.plugin,
            state=status.state,
            reason=status.reason,
            models=status.models,
            list_age=status.age,
            shared=list(status.shared),
            shadowed=list(status.shadowed),
            **msgspec.structs.asdict(activity),
        )


class SourceListing(msgspec.Struct, frozen=True, kw_only=True):
    """All sources, in the order in which they are configured. `instance`: the id of the process that answered."""

    instance: str
    sources: list[SourceView]


class SourceCheck(msgspec.Struct, frozen=True, kw_only=True):
    """A source after it was asked for its list of models. `seconds`: how long that took."""

    source: SourceView
    seconds: float
