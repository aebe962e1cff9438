"""Texts that users wrote: comparing names that look alike, regular expressions of the operator, and CSV.

Constants:

    CSV_MEDIA_TYPE  Media type of what `csv_lines` returns.
"""

from portico.csv_text import CSV_MEDIA_TYPE, csv_lines
from portico.normalization import label_key, likeness, normalized, normalized_id
from portico.operator_pattern import OperatorPattern, PatternTooSlow

__all__ = [
    "CSV_MEDIA_TYPE",
    "OperatorPattern",
    "PatternTooSlow",
    "csv_lines",
    "label_key",
    "likeness",
    "normalized",
    "normalized_id",
]
