"""Texts that users wrote: comparing names that look alike, and regular expressions of the operator."""

from portico.normalization import label_key, likeness, normalized, normalized_id
from portico.operator_pattern import OperatorPattern, PatternTooSlow

__all__ = [
    "OperatorPattern",
    "PatternTooSlow",
    "label_key",
    "likeness",
    "normalized",
    "normalized_id",
]
