"""As much of LDAP (RFC 4511) as it takes to find somebody and to try their password, without a thread.

Every client library on the package index either has to be compiled against OpenLDAP's headers or is no longer kept; and all
of them hold a thread while the directory thinks. Nothing in here knows about Portico.
"""

from portico_ldap.wire.ber import Garbled
from portico_ldap.wire.connection import Connection, Failed
from portico_ldap.wire.filters import BadFilter, both, equals, read_filters
from portico_ldap.wire.messages import INVALID_CREDENTIALS, Entry, Result
from portico_ldap.wire.names import common_name, likeness

__all__ = [
    "INVALID_CREDENTIALS",
    "BadFilter",
    "Connection",
    "Entry",
    "Failed",
    "Garbled",
    "Result",
    "both",
    "common_name",
    "equals",
    "likeness",
    "read_filters",
]
