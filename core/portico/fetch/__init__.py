"""Fetching what somebody outside chose the address of: the one way out of the server for that."""

from portico.fetch.addresses import is_public
from portico.fetch.fetching import Fetch, Fetched

__all__ = ["Fetch", "Fetched", "is_public"]
