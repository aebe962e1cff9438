"""Figures for monitoring: calls and tokens by model, source and outcome, and the time to the first token."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

from portico.api import Histogram, Metric
from portico_usage.call_record import CallRecord

#: Models with figures of their own. Those of further models are added up, since each one costs the monitoring memory.
MAX_MODELS: Final = 100
#: Characters of a model's id; the rest is cut off, since a source may choose any.
MAX_MODEL_CHARS: Final = 120
OTHER: Final = "other"
_BOUNDS: Final = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 60.0)


class Traffic:
    """What this process has written since it started."""

    def __init__(self) -> None:
        self._models: set[str] = set()
        self._calls: dict[tuple[str, ...], float] = {}
        self._tokens: dict[tuple[str, ...], float] = {}
        self._first_token: defaultdict[tuple[str], Histogram] = defaultdict(
            lambda: Histogram(_BOUNDS)
        )

    def count(self, records: Iterable[CallRecord]) -> None:
        """Count calls. Models are named as their sources do: presets can be any number."""
        for one in records:
            model = self._label(one.base_model)
            _add(self._calls, (model, one.source, one.outcome), 1)
            usage = one.usage
            for kind, tokens in (
                ("input", usage.input_tokens),
                ("output", usage.output_tokens),
                ("cached", usage.cached_tokens),
                ("reasoning", usage.reasoning_tokens),
            ):
                if tokens:
                    _add(self._tokens, (model, one.source, kind), tokens)
            if one.first_byte_ms is not None:
                self._first_token[one.source,].observe(one.first_byte_ms / 1000)

    def metrics(self) -> Sequence[Metric]:
        """Return the figures."""
        return [
            Metric(
                "calls_total",
                f"Calls of models; those beyond {MAX_MODELS} models are added up.",
                "counter",
                lambda: dict(self._calls),
                ("model", "source", "outcome"),
            ),
            Metric(
                "tokens_total",
                "Tokens of calls; cached ones are part of the input, reasoning of the output.",
                "counter",
                lambda: dict(self._tokens),
                ("model", "source", "kind"),
            ),
            Metric(
                "first_token_seconds",
                "Seconds until a source began to answer.",
                "histogram",
                lambda: self._first_token,
                ("source",),
            ),
        ]

    def _label(self, model: str) -> str:
        model = model[:MAX_MODEL_CHARS]
        if model in self._models or len(self._models) < MAX_MODELS:
            self._models.add(model)
            return model
        return OTHER


def _add(figures: dict[tuple[str, ...], float], key: tuple[str, ...], value: int) -> None:
    figures[key] = figures.get(key, 0) + value
