"""Removes long query strings from the caches of Litestar.

It caches the last thousand parsed queries, and 128 URLs for messages of errors, of any length. Queries of 60 KB, which
the server accepts, would fill them with more than 100 MB.
"""

from typing import Final

from litestar._kwargs.extractors import create_query_default_dict
from litestar._parsers import parse_query_string
from litestar.datastructures import URL
from litestar.types import Scope

#: Bytes of a query that may stay cached.
MAX_CACHED_QUERY_BYTES: Final = 1024


def forget_long_query(scope: Scope) -> None:
    """Empty the caches after a request with a long query. Parsing the short ones again takes microseconds."""
    if len(scope.get("query_string", b"")) > MAX_CACHED_QUERY_BYTES:
        parse_query_string.cache_clear()
        create_query_default_dict.cache_clear()
        URL.from_components.cache_clear()
        URL._new.cache_clear()
