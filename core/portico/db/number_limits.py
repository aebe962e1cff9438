"""Limits of numbers in statements: databases store integers of 64 bits."""

from typing import Final

#: The largest integer that a column and a placeholder can have.
MAX_INT64: Final = 2**63 - 1
#: Higher page numbers are read as this one, whose offset still fits into 64 bits. Such pages are always empty.
MAX_PAGE: Final = 2**32


def page_offset(page: int, size: int) -> int:
    """Return the OFFSET of a page with `size` rows. Pages start at 1; numbers out of range mean the first or last one."""
    return (min(max(page, 1), MAX_PAGE) - 1) * size
