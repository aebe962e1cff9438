"""The ways out of the server: one for what the operator chose the address of, a guarded one for all else."""

from portico.fetch.addresses import is_public
from portico.fetch.fetching import Fetch, Fetched
from portico.fetch.session import OneSession

__all__ = ["Fetch", "Fetched", "OneSession", "is_public"]
